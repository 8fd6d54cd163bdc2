#include "server/labeling/labeling_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "db/stores/ranking_store.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Code = absl::StatusCode;

TEST_F(LabelingTest, TasksComeInOrderOfTheRanking) {
  Import(12);
  std::vector<uint64_t> positions;
  std::set<int64_t> images;
  for (const uint32_t count : {1U, 3U, 8U}) {
    const auto tasks = Next(engineer_, count);
    ASSERT_TRUE(tasks.ok()) << tasks.status();
    for (const v1::Task& task : *tasks) {
      positions.push_back(task.reason().position());
      images.insert(task.image().id());
      EXPECT_EQ(task.reason().slice(), v1::RANDOM);
      EXPECT_EQ(task.reason().probability(), 1);
      EXPECT_TRUE(task.blind());
    }
  }
  EXPECT_THAT(positions, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_EQ(images.size(), 12U);
  EXPECT_TRUE(Next(engineer_, 1)->empty()) << "nobody's are left";
}

TEST_F(LabelingTest, AnnotatorsDoNotLearnTheSlice) {
  Import(2);
  const v1::Task task = NextOne(annotator_);
  EXPECT_EQ(task.reason().slice(), v1::SLICE_UNSPECIFIED);
  EXPECT_FALSE(task.reason().has_probability());
  EXPECT_EQ(task.image().side(), v1::SIDE_UNSPECIFIED);
  EXPECT_EQ(task.image().sampling_key(), 0);
  const v1::Task told = NextOne(engineer_);
  EXPECT_EQ(told.reason().slice(), v1::RANDOM);
  EXPECT_EQ(told.image().side(), v1::POOL);
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &Labeling::ListQueue, annotator_, v1::ListQueueRequest()).status()),
            "WRONG_ROLE");
}

TEST_F(LabelingTest, ARepeatedRequestGetsTheSameLeases) {
  Import(5);
  v1::NextTasksRequest request;
  request.set_request_id(NextRequestId());
  request.set_count(2);
  const auto first = Rpc(*stub_, &Labeling::NextTasks, annotator_, request);
  const auto second = Rpc(*stub_, &Labeling::NextTasks, annotator_, request);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  EXPECT_EQ(Status().open_leases(), 2U);
  request.set_request_id(NextRequestId());
  request.set_count(101);
  EXPECT_EQ(Rpc(*stub_, &Labeling::NextTasks, annotator_, request).status().code(), Code::kInvalidArgument);
}

TEST_F(LabelingTest, ASubmitBecomesTheTruthOnce) {
  Import(2);
  const v1::Task task = NextOne(annotator_);
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 1, 2, 30, 20, 2);
  correction.set_spent_ms(1500);
  const auto first = Submit(annotator_, correction);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->revision(), 1U);
  EXPECT_FALSE(first->late());
  EXPECT_EQ(first->drawn(), 1U);
  const auto again = Submit(annotator_, correction);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  const auto ended = Submit(annotator_, CorrectionOf(task));
  EXPECT_EQ(ended.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(ended.status()), "TASK_ENDED");

  const v1::ImageProvenance history = Provenance(task.image().id());
  ASSERT_EQ(history.revisions_size(), 1);
  const v1::Revision& revision = history.revisions(0);
  EXPECT_EQ(revision.source(), "task");
  EXPECT_EQ(revision.task_id(), task.task_id());
  EXPECT_EQ(revision.spent_ms(), 1500U);
  EXPECT_TRUE(revision.blind());
  EXPECT_EQ(revision.reason().slice(), v1::RANDOM) << "the task keeps why it was served";
  EXPECT_EQ(revision.reason().probability(), 1);
  ASSERT_EQ(revision.boxes_size(), 1);
  EXPECT_EQ(revision.boxes(0).origin(), v1::DRAWN);
  EXPECT_EQ(revision.boxes(0).box().x2(), 30);
  EXPECT_EQ(Status().pool_labelled(), 1U);
  EXPECT_EQ(Status().open_leases(), 0U);
}

TEST_F(LabelingTest, TimedTasksAreThoseOfPeopleTheLatestFirst) {
  Import(4);
  int boxes = 0;
  for (const uint32_t spent_ms : {1500U, 0U, 150U, 3000U}) {  // 0: not known; 150: no person is that fast
    v1::SubmitRequest correction = CorrectionOf(NextOne(annotator_));
    for (int i = 0; i < boxes; ++i) AddBox(correction, 1, 2, 30, 20 + static_cast<float>(i));
    correction.set_spent_ms(spent_ms);
    ASSERT_TRUE(Submit(annotator_, correction).ok());
    ++boxes;
  }
  const auto read = [this](int limit) {
    return coordinator_.database()
        .get()
        .Transact({"ReadTimedTasks", absl::Minutes(1)},
                  [&](Transaction& transaction) -> absl::StatusOr<std::vector<TimedTask>> {
                    return ReadTimedTasks(transaction, ProjectId(1), limit);
                  })
        .value();
  };
  const std::vector<TimedTask> tasks = read(10);
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].seconds, 3);
  EXPECT_EQ(tasks[0].boxes, 3);
  EXPECT_EQ(tasks[1].seconds, 1.5);
  EXPECT_EQ(tasks[1].boxes, 0);
  EXPECT_EQ(read(1).size(), 1U);
}

TEST_F(LabelingTest, RefusesForeignAndUnknownTasks) {
  Import(2);
  const v1::Task task = NextOne(annotator_);
  const auto foreign = Submit(coordinator_.Token(v1::ANNOTATOR), CorrectionOf(task));
  EXPECT_EQ(foreign.status().code(), Code::kPermissionDenied);
  EXPECT_EQ(ErrorReason(foreign.status()), "FOREIGN_TASK");
  v1::SubmitRequest unknown = CorrectionOf(task);
  unknown.set_task_id(4711);
  EXPECT_EQ(ErrorReason(Submit(annotator_, unknown).status()), "UNKNOWN_TASK");
  v1::SubmitRequest other_lease = CorrectionOf(task);
  other_lease.set_lease(task.lease() + 1);
  EXPECT_EQ(ErrorReason(Submit(annotator_, other_lease).status()), "UNKNOWN_TASK");
  EXPECT_TRUE(Submit(annotator_, CorrectionOf(task)).ok()) << "nothing was changed";
}

TEST_F(LabelingTest, BoxesOfAnotherImageAreRefused) {
  Import(2);
  const std::vector<v1::Task> tasks = *Next(annotator_, 2);
  v1::SubmitRequest request = CorrectionOf(tasks[0]);
  request.set_image_id(tasks[1].image().id());
  const auto refused = Submit(annotator_, request);
  EXPECT_EQ(ErrorReason(refused.status()), "OTHER_IMAGE");
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision"), 0);
  request.set_request_id(NextRequestId());
  request.set_image_id(tasks[0].image().id());
  EXPECT_TRUE(Submit(annotator_, request).ok());
}

TEST_F(LabelingTest, RefusesBoxesThatCannotBe) {
  Import(1);
  const v1::Task task = NextOne(annotator_);
  const auto refused = [&](auto change) {
    v1::SubmitRequest request = CorrectionOf(task);
    AddBox(request, 0, 0, 5, 5);
    change(AddBox(request, 1, 1, 20, 20));
    const auto response = Submit(annotator_, request);
    EXPECT_THAT(std::string(response.status().message()), HasSubstr("box 1:"));
    return ErrorReason(response.status());
  };
  using Box = v1::CorrectedBox;
  EXPECT_EQ(refused([](Box& b) { b.mutable_box()->set_x2(41.5F); }), "BAD_BOX");
  EXPECT_EQ(refused([](Box& b) { b.mutable_box()->set_x1(20); }), "BAD_BOX");
  EXPECT_EQ(refused([](Box& b) { b.mutable_box()->set_y1(-1.5F); }), "BAD_BOX");
  EXPECT_EQ(refused([](Box& b) { b.mutable_box()->set_y2(std::nanf("")); }), "BAD_BOX");
  EXPECT_EQ(refused([](Box& b) { b.set_label(3); }), "BAD_BOX");
  EXPECT_EQ(refused([](Box& b) { b.set_predicted_index(0); }), "BAD_BOX") << "nothing was shown";
  EXPECT_EQ(Status().pool_labelled(), 0U);
}

TEST_F(LabelingTest, ALateAnswerIsTheTruthUnlessSomebodyAnsweredSinceItWasServed) {
  Import(1);
  const v1::Task slow = NextOne(annotator_);
  LetLeasesEnd();
  const std::string other = coordinator_.Token(v1::ANNOTATOR);
  const v1::Task quick = NextOne(other);
  EXPECT_EQ(quick.image().id(), slow.image().id()) << "served again";
  v1::SubmitRequest first = CorrectionOf(slow);
  AddBox(first, 1, 1, 20, 20);
  const auto late = Submit(annotator_, first);
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_TRUE(late->late());
  EXPECT_EQ(late->standing(), v1::STANDING_TRUTH) << "nobody had answered";
  v1::SubmitRequest second = CorrectionOf(quick);
  AddBox(second, 1, 1, 20, 20.5F);
  const auto beaten = Submit(other, second);
  ASSERT_TRUE(beaten.ok()) << beaten.status();
  EXPECT_TRUE(beaten->late());
  EXPECT_EQ(beaten->standing(), v1::STANDING_LATE) << "its lease ran, and the image has a newer truth";
  EXPECT_EQ(beaten->revision(), 2U);
  const v1::ImageProvenance history = Provenance(slow.image().id());
  ASSERT_EQ(history.revisions_size(), 2);
  EXPECT_EQ(history.revisions(1).previous_hash(), history.revisions(0).hash());
  EXPECT_EQ(history.revisions(0).previous_hash(), std::string(32, '\0'));
  EXPECT_EQ(Number("SELECT number FROM label_revision JOIN image ON truth_revision_id = label_revision.id"),
            1);
  EXPECT_EQ(Status().class_counts(0).boxes(), 1U) << "the truth's";
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(LabelingTest, ABoxThatReachesAPixelBeyondTheImageIsClippedAndOneThatReachesFurtherIsRefused) {
  Import(1);
  const v1::Task task = NextOne(annotator_);
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, -0.5F, 2, 20, 31);
  AddBox(correction, 3, 3, 40, 30);
  AddBox(correction, 1, 1, 41.25F, 20);
  const auto refused = Submit(annotator_, correction);
  EXPECT_EQ(ErrorReason(refused.status()), "BAD_BOX");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("1 1 41.25 20"));
  correction.set_request_id(NextRequestId());
  correction.mutable_boxes()->RemoveLast();
  const auto taken = Submit(annotator_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->clipped(), 1U);
  const v1::Box& box = Provenance(1).revisions(0).boxes(0).box();
  EXPECT_EQ(box.x1(), 0);
  EXPECT_EQ(box.y2(), 30);
}

TEST_F(LabelingTest, TheSameBoxTwiceIsRefused) {
  Import(1);
  v1::SubmitRequest correction = CorrectionOf(NextOne(annotator_));
  AddBox(correction, 1, 1, 9, 9);
  AddBox(correction, 1, 1, 9, 9, 2);
  AddBox(correction, 1, 1, 9, 9);
  const auto refused = Submit(annotator_, correction);
  EXPECT_EQ(ErrorReason(refused.status()), "BAD_BOX");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("box 2: it is the same as box 0"));
}

TEST_F(LabelingTest, EachShownBoxHasItsOutcome) {
  Import(2);
  RankByModel({1, 2});
  v1::SubmitRequest moved = CorrectionOf(NextOne(annotator_));
  AddBox(moved, 3, 1, 11, 11).set_predicted_index(0);
  moved.add_hidden(1);
  const auto first = Submit(annotator_, moved);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->adjusted(), 1U);
  EXPECT_EQ(first->hidden(), 1U);
  v1::SubmitRequest renamed = CorrectionOf(NextOne(annotator_));
  AddBox(renamed, 1, 1, 11, 11, 2).set_predicted_index(0);
  renamed.add_rejected(0);
  EXPECT_EQ(Submit(annotator_, renamed).status().code(), absl::StatusCode::kInvalidArgument)
      << "a box can't be kept and rejected";
  renamed.set_request_id(NextRequestId());
  renamed.clear_rejected();
  const auto second = Submit(annotator_, renamed);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->relabelled(), 1U);
  EXPECT_EQ(second->dropped(), 1U) << "nobody said anything of the other one";
  EXPECT_EQ(Status().boxes_rejected(), 0U);
  EXPECT_EQ(Status().boxes_dropped(), 1U);
  const v1::Revision revision = Provenance(renamed.task_id() == 1 ? 1 : 2).revisions(0);
  ASSERT_EQ(revision.shown_boxes_size(), 2);
  EXPECT_EQ(revision.shown_boxes(0).outcome(), v1::OUTCOME_RELABELLED);
  EXPECT_EQ(revision.shown_boxes(1).outcome(), v1::OUTCOME_DROPPED);
}

TEST_F(LabelingTest, WhatATaskShowedStaysWhenTheModelsPredictionsGo) {
  Import(1);
  RankByModel({1});
  const v1::Task task = NextOne(annotator_);
  coordinator_.database().Sql("DELETE FROM prediction");
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 1, 1, 11, 11).set_predicted_index(0);
  const auto taken = Submit(annotator_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->accepted(), 1U);
  EXPECT_EQ(Provenance(1).revisions(0).shown_boxes_size(), 2);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(LabelingTest, TheCoordinatorMeasuresTheTimeThatAClientDoesNotTell) {
  Import(2);
  const auto tasks = Next(annotator_, 2);
  ASSERT_TRUE(tasks.ok());
  coordinator_.database().Sql("UPDATE task SET created_at = now() - interval '20 seconds'");
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(tasks->at(0))).ok());
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(tasks->at(1))).ok());
  const uint32_t first = Provenance(tasks->at(0).image().id()).revisions(0).spent_ms();
  const uint32_t second = Provenance(tasks->at(1).image().id()).revisions(0).spent_ms();
  EXPECT_GE(first, 20'000U);
  EXPECT_LT(first, 60'000U);
  EXPECT_LT(second, 20'000U) << "from the answer before it: both tasks were taken at once";
}

TEST_F(LabelingTest, GenerationZeroGrowsByImportsInOrder) {
  Import(3);
  Import(4, 100);
  const auto tasks = Next(annotator_, 7);
  ASSERT_EQ(tasks->size(), 7U);
  for (size_t i = 0; i < tasks->size(); ++i) EXPECT_EQ(tasks->at(i).image().id() > 3, i >= 3) << i;
}

TEST_F(LabelingTest, ANewRankingReordersWhatIsNotOpened) {
  Import(6);
  const v1::Task opened = NextOne(annotator_);
  std::vector<int64_t> reversed;
  for (const auto& row :
       coordinator_.database().Sql("SELECT image_id FROM ranking_entry ORDER BY position DESC")) {
    reversed.push_back(row[0].as<int64_t>());
  }
  ASSERT_EQ(reversed.back(), opened.image().id());
  RankByModel(reversed);
  const auto tasks = Next(engineer_, 6);
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  std::vector<int64_t> served;
  for (const v1::Task& task : *tasks) {
    served.push_back(task.image().id());
    EXPECT_EQ(task.reason().generation(), 1U);
  }
  reversed.pop_back();
  EXPECT_EQ(served, reversed) << "the opened image is not given out again";
  EXPECT_TRUE(opened.blind());
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(opened)).ok());
  const v1::Revision revision = Provenance(opened.image().id()).revisions(0);
  EXPECT_TRUE(revision.blind()) << "it was opened before there were predictions";
  EXPECT_EQ(revision.reason().generation(), 0U);
}

TEST_F(LabelingTest, AnAssistedTaskShowsPredictionsAndTheCoordinatorDecidesOrigins) {
  Import(1);
  RankByModel({1});
  const v1::Task task = NextOne(annotator_);
  EXPECT_FALSE(task.blind());
  ASSERT_EQ(task.predictions_size(), 2) << "none below 0.3";
  EXPECT_EQ(task.predictions(1).index(), 1U);
  EXPECT_EQ(task.predictions(1).label(), 2U);
  EXPECT_FLOAT_EQ(task.predictions(1).score(), 0.4F);
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 1.4F, 1, 11, 10.6F).set_predicted_index(0);
  AddBox(correction, 12, 12, 18, 18);
  correction.add_rejected(1);
  const auto submitted = Submit(annotator_, correction);
  ASSERT_TRUE(submitted.ok()) << submitted.status();
  EXPECT_EQ(submitted->standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(submitted->accepted(), 1U);
  EXPECT_EQ(submitted->drawn(), 1U);
  EXPECT_EQ(submitted->rejected(), 1U);
  EXPECT_EQ(submitted->dropped(), 0U);
  const v1::Revision revision = Provenance(1).revisions(0);
  EXPECT_FALSE(revision.blind());
  EXPECT_EQ(revision.shown_model(), 1U);
  EXPECT_EQ(revision.reason().model(), 1U);
  EXPECT_THAT(Provenance(1).predicted_by_models(), ElementsAre(1));
  EXPECT_EQ(revision.reason().score(), 0.5);
  ASSERT_EQ(revision.shown_boxes_size(), 2);
  EXPECT_EQ(revision.shown_boxes(0).outcome(), v1::OUTCOME_ACCEPTED);
  EXPECT_EQ(revision.shown_boxes(1).outcome(), v1::OUTCOME_REJECTED);
  EXPECT_EQ(revision.shown_boxes(1).box().index(), 1U);
  EXPECT_FLOAT_EQ(revision.shown_boxes(1).box().score(), 0.4F);
  EXPECT_EQ(Status().boxes_rejected(), 1U);
}

TEST_F(LabelingTest, ARankingThatRanOutTakesWhatCameLater) {
  Import(2);
  RankByModel({1});
  Import(2, 100);
  const auto tasks = Next(engineer_, 4);
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_EQ(tasks->size(), 4U);
  EXPECT_EQ(tasks->at(0).reason().slice(), v1::UNCERTAIN);
  EXPECT_EQ(tasks->at(3).reason().slice(), v1::RANDOM);
  EXPECT_EQ(tasks->at(3).reason().position(), 3U);
}

TEST_F(LabelingTest, TheQueueShowsItsHeadWithReasons) {
  Import(4);
  const auto tasks = Next(annotator_, 2);
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(tasks->at(1))).ok());
  const auto queue =
      Rpc(*stub_, &Labeling::ListQueue, coordinator_.Token(v1::VIEWER), v1::ListQueueRequest());
  ASSERT_TRUE(queue.ok()) << queue.status();
  std::vector<std::string> states;
  for (const v1::QueueEntry& entry : queue->entries()) states.push_back(entry.state());
  EXPECT_THAT(states, ElementsAre("leased", "answered", "waiting", "waiting"));
  EXPECT_EQ(queue->entries(2).reason().position(), 2U);
}

class HoldoutQueueTest : public LabelingTest {
 protected:
  HoldoutQueueTest() : LabelingTest(1, 0.5) {}
};

TEST_F(HoldoutQueueTest, OneTaskInFiveIsOfTheHoldoutInItsOrderAndBlind) {
  Import(60);
  const auto tasks = Next(engineer_, 40);
  ASSERT_TRUE(tasks.ok());
  double last_key = 0;
  for (const v1::Task& task : *tasks) {
    const bool holdout = task.image().side() == v1::HOLDOUT;
    if (task.reason().position() < 20) {
      EXPECT_EQ(holdout, task.reason().position() % 5 == 4);
    }
    EXPECT_EQ(holdout, task.reason().slice() == v1::SLICE_HOLDOUT);
    if (!holdout) continue;
    EXPECT_TRUE(task.blind());
    EXPECT_GT(task.image().sampling_key(), last_key);
    last_key = task.image().sampling_key();
    ASSERT_TRUE(Submit(engineer_, CorrectionOf(task)).ok());
  }
  const v1::ProjectStatus all = Status();
  EXPECT_TRUE(all.holdout_is_random_sample());
  EXPECT_GT(all.holdout_labelled(), 0U);
  // Somebody who answers could tell from them on which side an image is.
  const v1::ProjectStatus shown = Status(coordinator_.Token(v1::ANNOTATOR));
  EXPECT_FALSE(shown.holdout_is_random_sample());
  EXPECT_EQ(shown.pool_images() + shown.pool_labelled() + shown.holdout_images() + shown.holdout_labelled(),
            0U);
  EXPECT_EQ(shown.images(), all.pool_images() + all.holdout_images());
  EXPECT_EQ(shown.labelled(), all.pool_labelled() + all.holdout_labelled());
}

TEST_F(LabelingTest, AShownBoxTellsHowCertainItsSidesAre) {
  Import(1);
  RankByModel({1});
  coordinator_.database().Sql("UPDATE prediction SET partner_corners = '{2,1,11,6, 0,0,0,0, 2,20,8,28}'");
  const v1::Task task = NextOne(annotator_);
  ASSERT_EQ(task.predictions_size(), 2);
  EXPECT_THAT(task.predictions(0).side_certainty(),
              testing::ElementsAre(testing::FloatEq(0.9F), 1, 1, testing::FloatEq(0.5F)));
  EXPECT_THAT(task.predictions(1).side_certainty(), testing::ElementsAre(0, 0, 0, 0)) << "it has no partner";
  coordinator_.database().Sql("UPDATE prediction SET partner_corners = '{}'");
  v1::ListOpenTasksRequest open;
  EXPECT_EQ(
      Rpc(*stub_, &Labeling::ListOpenTasks, annotator_, open)->tasks(0).predictions(0).side_certainty_size(),
      0)
      << "of a prediction without the mirrored image it isn't known";
}

}  // namespace
}  // namespace loupe
