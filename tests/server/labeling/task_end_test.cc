// How a task ends without an answer (skipped, released, expired), and what is served afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;

class TaskEndTest : public LabelingTest {
 protected:
  std::string StatesOf(const std::vector<v1::Task>& tasks) {
    std::vector<std::string> states;
    for (const v1::Task& task : tasks) {
      states.push_back(coordinator_.database()
                           .Sql(absl::StrCat("SELECT state FROM task WHERE id = ", task.task_id()))
                           .at(0)[0]
                           .as<std::string>());
    }
    return absl::StrJoin(states, " ");
  }
};

TEST_F(LabelingTest, ASkippedImageGoesToTheOthers) {
  Import(2);
  const v1::Task skipped = NextOne(annotator_);
  const v1::SkipRequest skip = SkipOf(skipped);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, skip).ok());
  EXPECT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, skip).ok()) << "repeated";
  const auto mine = Next(annotator_, 2);
  ASSERT_EQ(mine->size(), 1U);
  EXPECT_NE(mine->front().image().id(), skipped.image().id()) << "never back";
  EXPECT_EQ(NextOne(engineer_).image().id(), skipped.image().id());
}

TEST_F(LabelingTest, ASkippedImageComesBackWithANewGeneration) {
  Import(2);
  const v1::Task skipped = NextOne(annotator_);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(skipped)).ok());
  RankByModel({skipped.image().id()});
  EXPECT_EQ(NextOne(annotator_).image().id(), skipped.image().id());
}

TEST_F(LabelingTest, AnExpiredImageIsServedAtItsPlace) {
  Import(3);
  const auto tasks = Next(annotator_, 2);
  LetLeasesEnd();
  EXPECT_EQ(NextOne(engineer_).image().id(), tasks->front().image().id());
}

TEST_F(LabelingTest, AClockThatWasTurnedBackRefusesNoAnswerAndKeepsNoLease) {
  Import(2);
  const auto tasks = Next(annotator_, 2);
  coordinator_.database().Sql(
      "UPDATE task SET created_at = created_at + interval '1 hour'; "
      "UPDATE lease SET expires_at = expires_at + interval '1 hour'");
  const auto submitted = Submit(annotator_, CorrectionOf(tasks->at(0)));
  ASSERT_TRUE(submitted.ok()) << submitted.status();
  EXPECT_EQ(Number("SELECT spent_ms FROM label_revision"), 0) << "it is not known";
  const std::string kLongest = "SELECT count(*) FROM lease WHERE expires_at > now() + interval '11 minutes'";
  for (const absl::Time end = absl::Now() + absl::Seconds(10); absl::Now() < end && Number(kLongest) > 0;) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_EQ(Number(kLongest), 0);
}

TEST_F(TaskEndTest, AnExpiredTaskCanBeSkippedOrReleasedAndThenNothingMore) {
  Import(2);
  const auto tasks = Next(annotator_, 2);
  LetLeasesEnd();
  EXPECT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(tasks->at(0))).ok());
  EXPECT_TRUE(Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf({tasks->at(1)})).ok());
  for (const v1::Task& task : *tasks) {
    EXPECT_EQ(ErrorReason(Submit(annotator_, CorrectionOf(task)).status()), "TASK_ENDED");
    EXPECT_EQ(ErrorReason(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(task)).status()), "TASK_ENDED");
    EXPECT_TRUE(Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf({task})).ok()) << "passed over";
  }
  EXPECT_EQ(StatesOf(*tasks), "skipped released");
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision"), 0);
}

TEST_F(LabelingTest, AnOpenTaskOfAnExcludedImageCanBeAnswered) {
  Import(2);
  const v1::Task task = NextOne(annotator_);
  const auto images = v1::ImageService::NewStub(coordinator_.channel());
  v1::ExcludeImageRequest exclude;
  exclude.set_request_id(NextRequestId());
  exclude.set_image_id(task.image().id());
  exclude.set_reason("blurred");
  ASSERT_TRUE(Rpc(*images, &v1::ImageService::Stub::ExcludeImage, engineer_, exclude).ok());
  EXPECT_TRUE(Submit(annotator_, CorrectionOf(task)).ok());
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE truth_revision_id IS NOT NULL AND state = 'excluded'"),
            1);
}

// A page that releases what it had fetched ahead doesn't know what became of it meanwhile.
TEST_F(TaskEndTest, ReleasePassesOverTasksThatHaveEnded) {
  Import(6);
  std::vector<v1::Task> tasks = *Next(annotator_, 5);
  ASSERT_EQ(tasks.size(), 5U);
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(tasks[0])).ok());
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(tasks[1])).ok());
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf({tasks[2]})).ok());
  LetLeasesEnd();
  ASSERT_EQ(Next(engineer_, 4)->size(), 4U) << "all but the answered one and the sixth";
  tasks.push_back(NextOne(annotator_));
  for (int repeated = 0; repeated < 2; ++repeated) {
    const auto released = Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf(tasks));
    ASSERT_TRUE(released.ok()) << released.status();
    EXPECT_EQ(StatesOf(tasks), "answered skipped released expired expired released");
  }
  EXPECT_EQ(Number("SELECT count(*) FROM lease"), 4) << "those of the engineer";
  EXPECT_EQ(NextOne(annotator_).image().id(), tasks[5].image().id()) << "it is served again";
  EXPECT_TRUE(Submit(annotator_, CorrectionOf(tasks[4])).ok()) << "it stays as it was: expired";
}

TEST_F(TaskEndTest, ReleaseOfAForeignOrUnknownTaskReleasesNone) {
  Import(4);
  const std::vector<v1::Task> tasks = *Next(annotator_, 2);
  const v1::Task foreign = NextOne(engineer_);
  v1::Task unknown = tasks[1];
  unknown.set_task_id(4711);
  v1::Task other_lease = tasks[1];
  other_lease.set_lease(tasks[1].lease() + 1);
  const auto refusal = [&](const v1::Task& task) {
    return ErrorReason(Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf({tasks[0], task})).status());
  };
  EXPECT_EQ(refusal(foreign), "FOREIGN_TASK");
  EXPECT_EQ(refusal(unknown), "UNKNOWN_TASK");
  EXPECT_EQ(refusal(other_lease), "UNKNOWN_TASK");
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(tasks[1])).ok());
  ASSERT_TRUE(Submit(engineer_, CorrectionOf(foreign)).ok());
  EXPECT_EQ(refusal(other_lease), "UNKNOWN_TASK") << "also once it has ended";
  EXPECT_EQ(refusal(foreign), "FOREIGN_TASK");
  EXPECT_EQ(StatesOf(tasks), "leased answered");
}

TEST_F(LabelingTest, AReleasedImageIsServedAtItsPlace) {
  Import(3);
  const auto tasks = Next(engineer_, 2);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, engineer_, ReleaseOf({tasks->front()})).ok());
  EXPECT_EQ(NextOne(engineer_).image().id(), tasks->front().image().id());
}

TEST_F(LabelingTest, RenewKeepsLeasesAndNamesThoseThatEnded) {
  Import(2);
  const auto tasks = Next(annotator_, 2);
  coordinator_.database().Sql(absl::StrCat(
      "UPDATE lease SET expires_at = now() + interval '1 minute' WHERE number = ", tasks->at(0).lease()));
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf({tasks->at(1)})).ok());
  v1::RenewRequest renew;
  for (const v1::Task& task : *tasks) {
    renew.add_tasks()->set_task_id(task.task_id());
    renew.mutable_tasks(renew.tasks_size() - 1)->set_lease(task.lease());
  }
  const auto renewed = Rpc(*stub_, &Labeling::Renew, annotator_, renew);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_THAT(renewed->ended_task_ids(), ElementsAre(tasks->at(1).task_id()));
  const auto left =
      coordinator_.database().Sql("SELECT min(expires_at) > now() + interval '9 minutes' FROM lease");
  EXPECT_TRUE(left[0][0].as<bool>());
  const auto foreign = Rpc(*stub_, &Labeling::Renew, engineer_, renew);
  EXPECT_EQ(foreign->ended_task_ids_size(), 2) << "not theirs to renew";
}

}  // namespace
}  // namespace loupe
