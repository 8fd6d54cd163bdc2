#include "server/gateway/forwarder.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

void Prepare(const ForwardedCall& call, grpc::ClientContext& context) {
  if (!call.token.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", call.token));
  if (call.timeout < absl::InfiniteDuration()) {
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(call.timeout));
  }
}

struct UnaryState {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

}  // namespace

Forwarder::~Forwarder() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](int* open) { return *open == 0; }, &open_));
}

bool Forwarder::HasOpenCalls() {
  absl::MutexLock lock(&mutex_);
  return open_ > 0;
}

void Forwarder::Begin() {
  absl::MutexLock lock(&mutex_);
  ++open_;
}

void Forwarder::End() {
  absl::MutexLock lock(&mutex_);
  --open_;
}

Forwarder::Cancel Forwarder::Unary(ForwardedCall call,
                                   std::function<void(const grpc::Status&, std::string)> done) {
  Begin();
  const auto state = std::make_shared<UnaryState>();
  Prepare(call, state->context);
  state->request = BufferOf(call.request);
  stub_.UnaryCall(&state->context, call.path, {}, &state->request, &state->response,
                  [this, state, done = std::move(done)](const grpc::Status& status) mutable {
                    // What `done` holds is released before the destructor may return.
                    std::exchange(done, nullptr)(status, BytesOf(state->response));
                    End();
                  });
  return [state] { state->context.TryCancel(); };
}

// Reads a message only when the one before has been taken. It owns itself until OnDone.
class Forwarder::StreamReactor final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamReactor(Forwarder& forwarder, const ForwardedCall& call, std::shared_ptr<MessageSink> sink)
      : forwarder_(forwarder),
        context_(std::make_shared<grpc::ClientContext>()),
        request_(BufferOf(call.request)),
        sink_(std::move(sink)) {
    Prepare(call, *context_);
    forwarder.stub_.PrepareBidiStreamingCall(context_.get(), call.path, {}, this);
    AddHold();  // for reads that begin outside of reactions
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&message_);
  }

  const std::shared_ptr<grpc::ClientContext>& context() const { return context_; }

  void OnReadDone(bool ok) override {
    if (!ok) {
      RemoveHold();
      return;
    }
    sink_->Take(BytesOf(message_), [this](bool goes_on) {
      if (!goes_on) context_->TryCancel();
      StartRead(&message_);
    });
  }

  void OnDone(const grpc::Status& status) override {
    sink_->End(status);
    Forwarder& forwarder = forwarder_;
    delete this;
    forwarder.End();
  }

 private:
  Forwarder& forwarder_;
  // Shared with whoever may cancel the call after its end.
  const std::shared_ptr<grpc::ClientContext> context_;
  const grpc::ByteBuffer request_;
  grpc::ByteBuffer message_;
  const std::shared_ptr<MessageSink> sink_;
};

Forwarder::Cancel Forwarder::Stream(ForwardedCall call, std::shared_ptr<MessageSink> sink) {
  Begin();
  auto* reactor = new StreamReactor(*this, call, std::move(sink));
  const std::shared_ptr<grpc::ClientContext> context = reactor->context();
  reactor->StartCall();  // it may be gone when this returns
  return [context] { context->TryCancel(); };
}

}  // namespace loupe
