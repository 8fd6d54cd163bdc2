// Calls of the gateway to the services in the same process, without a thread each.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace loupe {

struct ForwardedCall {
  std::string path;   // `/loupe.v1.LabelingService/NextTasks`
  std::string token;  // empty: none
  absl::Duration timeout = absl::InfiniteDuration();
  std::string request = "";  // in protobuf's binary form
};

// Where the messages of a stream go. Called from gRPC's threads, one call at a time.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // Calls `taken` once, from any thread, when the next message may come; with false: nobody wants more.
  virtual void Take(std::string message, std::function<void(bool)> taken) = 0;
  virtual void End(const grpc::Status& status) = 0;
};

class Forwarder {
 public:
  // Ends a call early. May be called from any thread, and after the call's end.
  using Cancel = std::function<void()>;

  explicit Forwarder(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}
  // Waits until no call is open any more.
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // `done` is called once, from one of gRPC's threads.
  Cancel Unary(ForwardedCall call, std::function<void(const grpc::Status&, std::string response)> done);

  // A method that answers with a stream.
  Cancel Stream(ForwardedCall call, std::shared_ptr<MessageSink> sink);

  bool HasOpenCalls();

 private:
  class StreamReactor;

  void Begin();
  void End();

  grpc::GenericStub stub_;
  absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace loupe
