#include "server/metrics/metrics.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/metrics/exposition.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(const Metrics& metrics) { return Exposition(metrics).Text(); }

// The sum over all labels.
double SumOf(const Metrics& metrics, const std::string& name) {
  double sum = 0;
  for (const prometheus::MetricFamily& family : metrics.registry().Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) sum += metric.counter.value;
  }
  return sum;
}

// But for the one that says nothing.
template <typename Enum>
std::vector<Enum> ValuesOf(const google::protobuf::EnumDescriptor* type) {
  std::vector<Enum> values;
  for (int i = 0; i < type->value_count(); ++i) {
    if (type->value(i)->number() != 0) values.push_back(static_cast<Enum>(type->value(i)->number()));
  }
  return values;
}

TEST(MetricsTest, EveryOriginOutcomeAndSliceOfTheProtocolIsCounted) {
  Metrics metrics({});
  StoredAnswer answer{v1::STANDING_TRUTH, false, ValuesOf<v1::Origin>(v1::Origin_descriptor()),
                      ValuesOf<v1::Outcome>(v1::Outcome_descriptor())};
  metrics.AnswerStored(answer);
  EXPECT_EQ(SumOf(metrics, "loupe_submits_total"), 1);
  EXPECT_EQ(SumOf(metrics, "loupe_boxes_total"), static_cast<double>(answer.boxes.size()));
  EXPECT_EQ(SumOf(metrics, "loupe_shown_boxes_total"), static_cast<double>(answer.shown.size()));
  std::vector<ServedTask> tasks;
  for (const auto slice : ValuesOf<v1::Slice>(v1::Slice_descriptor())) tasks.push_back({v1::RANKED, slice});
  for (const auto kind : ValuesOf<v1::TaskKind>(v1::TaskKind_descriptor())) {
    if (kind != v1::RANKED) tasks.push_back({kind, v1::SLICE_UNSPECIFIED});
  }
  metrics.TasksServed(tasks);
  EXPECT_EQ(SumOf(metrics, "loupe_tasks_served_total"), static_cast<double>(tasks.size()));
  const auto kinds = ValuesOf<v1::JobKind>(v1::JobKind_descriptor());
  for (const v1::JobKind kind : kinds) metrics.JobDone(kind);
  EXPECT_EQ(SumOf(metrics, "loupe_jobs_ended_total"), static_cast<double>(kinds.size()));
}

TEST(MetricsTest, MethodsThatNobodyKnowsShareALabel) {
  Metrics metrics({"Known.Method"});
  std::vector<std::string> names = {"Known.Method", "GET /x"};
  for (int i = 0; i < 100; ++i) names.push_back(absl::StrCat("Garbage.", i));
  for (const std::string& name : names) {
    metrics.CallBegan(name);
    metrics.CallEnded(name, absl::StatusCode::kOk, absl::Milliseconds(3));
  }
  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, Not(HasSubstr("Garbage")));
  EXPECT_THAT(text, HasSubstr("loupe_rpc_duration_seconds_count{code=\"OK\",method=\"Known.Method\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("loupe_rpc_duration_seconds_count{code=\"OK\",method=\"other\"} 101\n"));
  EXPECT_THAT(text, HasSubstr("method=\"Known.Method\",le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("method=\"Known.Method\",le=\"0.005\"} 1\n"));
}

TEST(MetricsTest, ThreadsCountTogether) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 2000;
  Metrics metrics({"A.B"});
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < kCalls; ++call) {
        metrics.CallBegan("A.B");
        metrics.CallEnded("A.B", absl::StatusCode::kNotFound, absl::ZeroDuration());
        metrics.TasksServed({{v1::RANKED, v1::RANDOM}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, HasSubstr("_count{code=\"NOT_FOUND\",method=\"A.B\"} 16000\n"));
  EXPECT_THAT(text, HasSubstr("loupe_rpcs_in_flight{method=\"A.B\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("loupe_tasks_served_total{kind=\"ranked\",slice=\"random\"} 16000\n"));
}

}  // namespace
}  // namespace loupe
