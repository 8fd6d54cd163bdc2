#include "server/rpc/kept_answers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "loupe/v1/insight.pb.h"
#include "proto/error_info.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

constexpr absl::Duration kNow = absl::ZeroDuration();
constexpr absl::Duration kHour = absl::Hours(1);

class KeptAnswersTest : public ::testing::Test {
 protected:
  // The model's number in the answer says which computation made it.
  absl::StatusOr<v1::LabelCheck> Ask(absl::Duration max_age, const std::string& question = "check 1") {
    return kept_.Get<v1::LabelCheck>(question, max_age, absl::Now() + absl::Seconds(20),
                                     [&]() -> absl::StatusOr<v1::LabelCheck> {
                                       v1::LabelCheck check;
                                       check.set_model(++computed_);
                                       return check;
                                     });
  }
  uint32_t NumberOf(absl::Duration max_age, const std::string& question = "check 1") {
    const auto answer = Ask(max_age, question);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->model() : 0;
  }

  TestDatabase database_;
  KeptAnswers kept_{database_.get()};
  std::atomic<uint32_t> computed_ = 0;
};

TEST_F(KeptAnswersTest, AnAnswerIsKeptForThoseWhoAcceptItsAge) {
  EXPECT_EQ(NumberOf(kHour), 1u);
  EXPECT_EQ(NumberOf(kHour), 1u);
  EXPECT_EQ(NumberOf(kHour, "check 2"), 2u);
  EXPECT_EQ(NumberOf(kNow), 3u);
  EXPECT_EQ(NumberOf(kHour), 3u);
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(NumberOf(absl::Milliseconds(10)), 4u);
}

TEST_F(KeptAnswersTest, AnAnswerSaysWhenItWasComputed) {
  const absl::Time before = absl::Now();
  const auto first = Ask(kHour);
  ASSERT_TRUE(first.ok());
  EXPECT_GE(first->computed_at().seconds(), absl::ToUnixSeconds(before));
  EXPECT_LE(first->computed_at().seconds(), absl::ToUnixSeconds(absl::Now()));
  absl::SleepFor(absl::Milliseconds(2));
  EXPECT_EQ(Ask(kHour)->computed_at().nanos(), first->computed_at().nanos());
}

TEST_F(KeptAnswersTest, WhoAsksWhileItIsComputedWaitsForIt) {
  absl::Notification go_on;
  const auto slow = [&]() -> absl::StatusOr<v1::LabelCheck> {
    ++computed_;
    go_on.WaitForNotification();
    return v1::LabelCheck();
  };
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 20; ++i) {
    callers.emplace_back([&] {
      if (kept_.Get<v1::LabelCheck>("slow", kHour, absl::Now() + absl::Seconds(20), slow).ok()) ++answered;
    });
  }
  while (computed_ == 0) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(NumberOf(kHour, "another"), 2u);  // others don't wait
  go_on.Notify();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered, 20);
  EXPECT_EQ(computed_, 2u);
}

TEST_F(KeptAnswersTest, WhoWaitsTooLongIsToldSo) {
  absl::Notification go_on;
  std::thread first([&] {
    (void)kept_.Get<v1::LabelCheck>("slow", kHour, absl::InfiniteFuture(), [&] {
      ++computed_;
      go_on.WaitForNotification();
      return absl::StatusOr<v1::LabelCheck>(v1::LabelCheck());
    });
  });
  while (computed_ == 0) absl::SleepFor(absl::Milliseconds(1));
  const auto second = kept_.Get<v1::LabelCheck>("slow", kHour, absl::Now() + absl::Milliseconds(30), [] {
    return absl::StatusOr<v1::LabelCheck>(v1::LabelCheck());
  });
  EXPECT_EQ(ErrorReason(second.status()), "BUSY");
  go_on.Notify();
  first.join();
}

TEST_F(KeptAnswersTest, AnErrorIsNotKept) {
  const auto failed = kept_.Get<v1::LabelCheck>(
      "check 1", kHour, absl::InfiniteFuture(),
      []() -> absl::StatusOr<v1::LabelCheck> { return absl::UnavailableError("the database is away"); });
  EXPECT_TRUE(absl::IsUnavailable(failed.status()));
  EXPECT_EQ(NumberOf(kHour), 1u);
}

TEST_F(KeptAnswersTest, AnotherCoordinatorHasThemToo) {
  EXPECT_EQ(NumberOf(kHour), 1u);
  const auto first = Ask(kHour);
  KeptAnswers others(database_.get());
  const auto fails = []() -> absl::StatusOr<v1::LabelCheck> { return absl::InternalError("computed"); };
  const auto kept = others.Get<v1::LabelCheck>("check 1", kHour, absl::Now() + absl::Seconds(20), fails);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->model(), 1u);
  EXPECT_EQ(kept->computed_at().seconds(), first->computed_at().seconds());
  EXPECT_FALSE(others.Get<v1::LabelCheck>("check 2", kHour, absl::Now() + absl::Seconds(20), fails).ok());
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_FALSE(
      others.Get<v1::LabelCheck>("check 1", absl::Milliseconds(10), absl::Now() + absl::Seconds(20), fails)
          .ok());
}

TEST_F(KeptAnswersTest, AnAnswerOfNowIsStoredWhenSomebodyTakesItAgain) {
  const auto count = [&] { return database_.Sql("SELECT count(*) FROM kept_answer")[0][0].as<int>(); };
  EXPECT_EQ(NumberOf(absl::ZeroDuration()), 1u);
  EXPECT_EQ(count(), 0);
  EXPECT_EQ(NumberOf(kHour), 1u);
  EXPECT_EQ(count(), 1);
  KeptAnswers others(database_.get());
  const auto fails = []() -> absl::StatusOr<v1::LabelCheck> { return absl::InternalError("computed"); };
  EXPECT_TRUE(others.Get<v1::LabelCheck>("check 1", kHour, absl::Now() + absl::Seconds(20), fails).ok());
}

TEST_F(KeptAnswersTest, AnAnswerThatCantBeStoredIsGiven) {
  database_.Sql("DROP TABLE kept_answer");
  EXPECT_EQ(NumberOf(kHour), 1u);
  EXPECT_EQ(NumberOf(kHour), 1u);
}

TEST_F(KeptAnswersTest, OldAnswersGo) {
  database_.Sql(
      "INSERT INTO kept_answer VALUES ('old', '', now() - interval '8 days'), "
      "('older', '', now() - interval '6 days')");
  NumberOf(kHour);
  EXPECT_EQ(database_
                .Sql("SELECT string_agg(encode(question, 'escape'), ', ' ORDER BY question) "
                     "FROM kept_answer")[0][0]
                .as<std::string>(),
            "check 1, older");
}

TEST_F(KeptAnswersTest, MemoryHoldsTheLatestOfMany) {
  for (int i = 0; i < 300; ++i) NumberOf(kHour, std::to_string(i));
  database_.Sql("DELETE FROM kept_answer");
  EXPECT_EQ(NumberOf(kHour, "299"), 300u);
  EXPECT_EQ(NumberOf(kHour, "0"), 301u);
}

}  // namespace
}  // namespace loupe
