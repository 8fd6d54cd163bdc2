// Calls that wait hold no thread: a thousand workers without a job and three hundred watchers at once.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/round.grpc.pb.h"
#include "loupe/v1/worker.grpc.pb.h"
#include "server/rpc/rpc_call.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

constexpr int kWorkers = 1000;
constexpr int kWatchers = 300;
constexpr int kOnAConnection = 90;  // calls

int Threads() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
  }
  return 0;
}

struct LeaseCall {
  std::unique_ptr<grpc::ClientContext> context;
  v1::LeaseJobRequest request;
  v1::LeaseJobResponse response;
};

class WatchCall final : public grpc::ClientReadReactor<v1::Round> {
 public:
  WatchCall(v1::RoundService::Stub& stub, const std::string& token) : context_(NewContext(token)) {
    stub.async()->WatchRound(context_.get(), &request_, this);
    StartRead(&round_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++seen_;
    StartRead(&round_);
  }
  void OnDone(const grpc::Status&) override { done_ = true; }

  int seen() const { return seen_; }
  void End() { context_->TryCancel(); }
  bool done() const { return done_; }

 private:
  std::unique_ptr<grpc::ClientContext> context_;
  v1::WatchRoundRequest request_;
  v1::Round round_;
  std::atomic<int> seen_ = 0;
  std::atomic<bool> done_ = false;
};

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 300; ++i) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(i < 50 ? 1 : 50));
  }
  return false;
}

class WaitingCallsTest : public LabelingTest {
 protected:
  WaitingCallsTest() {
    for (int i = 0; i < (kWorkers + kWatchers) / kOnAConnection + 1; ++i) {
      grpc::ChannelArguments own;
      own.SetInt("loupe.test.connection", i);
      channels_.push_back(grpc::CreateCustomChannel(coordinator_.server().address(),
                                                    grpc::InsecureChannelCredentials(), own));
    }
  }

  std::shared_ptr<grpc::Channel> NextChannel() { return channels_[used_++ / kOnAConnection]; }

  absl::Duration SlowestOfSomeTasks() {
    absl::Duration slowest;
    for (int i = 0; i < 50; ++i) {
      const absl::Time began = absl::Now();
      // Threads may be short while many calls come at once; clients try again then.
      auto served = Next(annotator_, 1);
      while (absl::IsResourceExhausted(served.status()) && absl::Now() - began < absl::Seconds(10)) {
        absl::SleepFor(absl::Milliseconds(50));
        served = Next(annotator_, 1);
      }
      const std::vector<v1::Task> tasks = served.value();
      slowest = std::max(slowest, absl::Now() - began);
      EXPECT_TRUE(Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf(tasks)).ok());
    }
    return slowest;
  }

  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  int used_ = 0;
};

TEST_F(WaitingCallsTest, HoldNoThread) {
  Import(20);
  for (int i = 0; i < 5; ++i) {
    v1::SubmitRequest correction = CorrectionOf(NextOne(annotator_));
    AddBox(correction, 1, 1, 9, 9);
    ASSERT_TRUE(Submit(annotator_, correction).ok());
  }
  const auto rounds = v1::RoundService::NewStub(coordinator_.channel());
  v1::SubmitRoundRequest submit;
  submit.set_request_id(NextRequestId());
  const std::string worker = coordinator_.Token(v1::WORKER);
  SlowestOfSomeTasks();
  const int threads = Threads();

  std::vector<LeaseCall> leases(kWorkers);
  std::atomic<int> answered = 0;
  std::atomic<int> with_job = 0;
  std::vector<std::unique_ptr<v1::WorkerService::Stub>> stubs;
  for (LeaseCall& lease : leases) {
    lease.context = NewContext(worker);
    lease.request.set_request_id(NextRequestId());
    lease.request.set_worker("idle");
    stubs.push_back(v1::WorkerService::NewStub(NextChannel()));
    stubs.back()->async()->LeaseJob(lease.context.get(), &lease.request, &lease.response,
                                    [&](const grpc::Status& status) {
                                      EXPECT_TRUE(status.ok()) << status.error_message();
                                      with_job += lease.response.has_job() ? 1 : 0;
                                      ++answered;
                                    });
  }
  EXPECT_LT(SlowestOfSomeTasks(), absl::Seconds(10));  // they are not locked out
  EXPECT_LT(Threads(), threads + 60);
  EXPECT_EQ(with_job, 0);

  ASSERT_TRUE(Rpc(*rounds, &v1::RoundService::Stub::SubmitRound, engineer_, submit).ok());
  EXPECT_TRUE(Eventually([&] { return with_job == 1; })) << "one of them gets the job";
  std::vector<std::unique_ptr<v1::RoundService::Stub>> watched;
  std::vector<std::unique_ptr<WatchCall>> watchers;
  for (int i = 0; i < kWatchers; ++i) {
    watched.push_back(v1::RoundService::NewStub(NextChannel()));
    watchers.push_back(std::make_unique<WatchCall>(*watched.back(), engineer_));
  }
  const auto all_saw = [&](int least) {
    return std::all_of(watchers.begin(), watchers.end(),
                       [&](const auto& watcher) { return watcher->seen() >= least; });
  };
  EXPECT_TRUE(Eventually([&] { return all_saw(1); }));
  EXPECT_LT(SlowestOfSomeTasks(), absl::Seconds(10));  // they are not locked out
  EXPECT_LT(Threads(), threads + 60);

  // Watchers that see nothing new ask for one thing: the versions.
  const std::string count =
      "SELECT coalesce(sum(xact_commit), 0)::bigint FROM pg_stat_database WHERE datname = current_database()";
  absl::SleepFor(absl::Seconds(11));  // until connections that are idle have told what they did before
  const int64_t before = Number(count);
  absl::SleepFor(absl::Seconds(4));
  EXPECT_LT((Number(count) - before) / 4, 60) << "transactions a second";

  const int seen = watchers.front()->seen();
  coordinator_.database().Sql("UPDATE round SET version = version + 1");
  EXPECT_TRUE(Eventually([&] { return all_saw(seen + 1); }));
  for (const auto& watcher : watchers) watcher->End();
  EXPECT_TRUE(Eventually([&] {
    return std::all_of(watchers.begin(), watchers.end(), [](const auto& watcher) { return watcher->done(); });
  }));
  EXPECT_TRUE(Eventually([&] { return answered == kWorkers; })) << "the others are answered without a job";
  EXPECT_EQ(with_job, 1);
}

TEST_F(WaitingCallsTest, SilentStreamsLeaveThreadsToOthers) {
  Import(20);
  struct Silent {
    std::unique_ptr<v1::ImageService::Stub> stub;
    std::unique_ptr<grpc::ClientContext> context;
    v1::ImportResponse response;
    std::unique_ptr<grpc::ClientWriter<v1::ImportRequest>> writer;
  };
  std::vector<Silent> streams(300);
  for (Silent& stream : streams) {
    stream.stub = v1::ImageService::NewStub(NextChannel());
    stream.context = NewContext(engineer_);
    stream.writer = stream.stub->Import(stream.context.get(), &stream.response);
  }
  EXPECT_LT(SlowestOfSomeTasks(), absl::Seconds(10));  // they are not locked out
  int refused = 0;
  for (Silent& stream : streams) {
    stream.writer->WritesDone();  // without a start: the others are refused for that
    refused += stream.writer->Finish().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ? 1 : 0;
  }
  EXPECT_GE(refused, 300 - RpcCalls::kMaxStreamsEach);
}

TEST_F(WaitingCallsTest, AWatchEndsWithItsToken) {
  Import(3);
  v1::SubmitRequest correction = CorrectionOf(NextOne(annotator_));
  ASSERT_TRUE(Submit(annotator_, correction).ok());
  const auto rounds = v1::RoundService::NewStub(coordinator_.channel());
  v1::SubmitRoundRequest submit;
  submit.set_request_id(NextRequestId());
  ASSERT_TRUE(Rpc(*rounds, &v1::RoundService::Stub::SubmitRound, engineer_, submit).ok());
  WatchCall watch(*rounds, coordinator_.Token(v1::VIEWER));
  ASSERT_TRUE(Eventually([&] { return watch.seen() > 0; }));
  coordinator_.database().Sql("UPDATE principal SET revoked_at = now() WHERE role = 'viewer'");
  EXPECT_TRUE(Eventually([&] { return watch.done(); }));
}

// The thread that serves watchers may be at one whose call has just ended, and its context with it.
TEST_F(WaitingCallsTest, WatchesMayBeGivenUpAtOnce) {
  const auto rounds = v1::RoundService::NewStub(coordinator_.channel());
  for (int i = 0; i < 100; ++i) {
    std::vector<std::unique_ptr<WatchCall>> watches;
    for (int j = 0; j < 20; ++j) watches.push_back(std::make_unique<WatchCall>(*rounds, engineer_));
    absl::SleepFor(absl::Microseconds(20 * i));
    for (const auto& watch : watches) watch->End();
    for (const auto& watch : watches) ASSERT_TRUE(Eventually([&] { return watch->done(); }));
  }
}

}  // namespace
}  // namespace loupe
