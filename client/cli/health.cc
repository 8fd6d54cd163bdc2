#include "client/cli/health.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <vector>

#include "absl/synchronization/notification.h"

namespace loupe {
namespace {

// HealthCheckResponse { status: SERVING } on the wire: field 1, varint, 1.
constexpr char kServing[] = "\x08\x01";

std::string TextOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

}  // namespace

bool IsServing(const Connection& connection, absl::Duration deadline) {
  grpc::GenericStub stub(connection.channel());
  const auto context = connection.NewContext(deadline);
  const grpc::Slice empty;  // an empty HealthCheckRequest asks about the whole server
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  absl::Notification done;
  stub.UnaryCall(context.get(), "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](grpc::Status end) {
                   status = std::move(end);
                   done.Notify();
                 });
  done.WaitForNotification();
  return status.ok() && TextOf(response) == kServing;
}

}  // namespace loupe
