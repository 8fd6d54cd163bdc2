// Searches for label errors: by a worker that makes them up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

constexpr char kSearchRecipe[] = "ranking { budget: 10 } label_errors { folds: 3 reviews: 4 }";

// Proposes another class for the only box of each image, the likelier the lower the image's id.
v1::LabelError WrongClass(const v1::SnapshotItem& item) {
  v1::LabelError error;
  error.set_image_id(item.image().id());
  error.set_kind(v1::LABEL_WRONG_CLASS);
  error.set_box_id(item.boxes(0).box_id());
  *error.mutable_box() = item.boxes(0).box();
  error.set_label(3 - item.boxes(0).label());
  error.set_log_odds(1.0 / static_cast<double>(item.image().id()));
  return error;
}

class LabelErrorRound : public ::testing::Test {
 protected:
  LabelErrorRound() : world_(30, 5), worker_(world_, 0.9) { world_.Label("pool", 0, 20); }

  // Takes the round up to its first search.
  v1::Job FirstSearch(const char* recipe = kSearchRecipe) {
    world_.Submit(recipe);
    return NextSearch();
  }

  v1::Job NextSearch() {
    for (int pass = 0; pass < 100; ++pass) {
      EXPECT_TRUE(world_.planner.RunOnce().ok());
      if (world_.Number("SELECT count(*) FROM job WHERE state = 'waiting'") == 0) continue;
      const std::optional<v1::Job> job = worker_.Lease();
      if (job.has_value() && job->kind() == v1::FIND_LABEL_ERRORS) return *job;
      if (job.has_value()) worker_.Do(*job);
    }
    ADD_FAILURE() << "no search";
    return {};
  }

  grpc::Status Complete(const v1::Job& job, const std::vector<v1::LabelError>& errors) {
    v1::CompleteJobRequest request;
    request.set_job_id(job.job_id());
    request.set_lease(job.lease());
    for (const v1::LabelError& error : errors) *request.add_label_errors() = error;
    v1::CompleteJobResponse response;
    return world_.jobs->CompleteJob(world_.Context(world_.worker).get(), request, &response);
  }

  std::vector<v1::LabelError> ErrorsOf(const v1::Job& job) {
    std::vector<v1::LabelError> errors;
    for (const v1::SnapshotItem& item : worker_.ReadSnapshot(job)) {
      if (item.held_out()) errors.push_back(WrongClass(item));
    }
    return errors;
  }

  v1::ListLabelErrorsResponse List(uint32_t size = 0, const std::string& token = "") {
    v1::ListLabelErrorsRequest request;
    request.set_page_size(size);
    request.set_page_token(token);
    v1::ListLabelErrorsResponse response;
    const grpc::Status status =
        world_.insight->ListLabelErrors(world_.Context(world_.engineer).get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  RoundWorld world_;
  ScriptedWorker worker_;
};

TEST_F(LabelErrorRound, EachImageIsHeldOutOnceAndTheLikeliestAreReviewed) {
  std::multiset<int64_t> held_out;
  v1::Job job = FirstSearch();
  EXPECT_EQ(world_.Get(1).state(), "checking");
  EXPECT_EQ(world_.Text("SELECT state FROM model"), "serving");
  for (uint32_t fold = 1; fold <= 3; ++fold) {
    if (fold > 1) job = NextSearch();
    EXPECT_EQ(job.fold(), fold);
    EXPECT_EQ(job.images(), 20U);
    EXPECT_EQ(worker_.ReadSnapshot(job).size(), 20U);
    for (const v1::LabelError& error : ErrorsOf(job)) held_out.insert(error.image_id());
    const grpc::Status status = Complete(job, ErrorsOf(job));
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_EQ(held_out.size(), 20U);
  EXPECT_EQ(std::set(held_out.begin(), held_out.end()).size(), 20U);
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  const v1::Round round = world_.Get(1);
  EXPECT_EQ(round.state(), "done") << round.error();
  EXPECT_EQ(round.steps(round.steps_size() - 1).step(), "checking");

  const v1::ListLabelErrorsResponse all = List();
  EXPECT_EQ(all.round(), 1U);
  EXPECT_EQ(all.total(), 20U);
  ASSERT_EQ(all.errors_size(), 20);
  const v1::ListedLabelError& first = all.errors(0);
  EXPECT_EQ(first.error().image_id(), first.image().id());
  EXPECT_EQ(first.error().kind(), v1::LABEL_WRONG_CLASS);
  EXPECT_EQ(first.error().label(), 3 - first.wrong().label());
  EXPECT_EQ(first.wrong().box_id(), first.error().box_id());
  for (int i = 1; i < 20; ++i) {
    EXPECT_GT(all.errors(i - 1).error().log_odds(), all.errors(i).error().log_odds());
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(all.errors(i).in_review(), i < 4);
  EXPECT_EQ(world_.Number("SELECT count(*) FROM task_request WHERE kind = 'review' AND target_id IS NULL"),
            4);

  const v1::ListLabelErrorsResponse page = List(12);
  EXPECT_EQ(page.errors_size(), 12);
  const v1::ListLabelErrorsResponse rest = List(12, page.next_page_token());
  ASSERT_EQ(rest.errors_size(), 8);
  EXPECT_EQ(rest.errors(7).error().id(), all.errors(19).error().id());
  EXPECT_EQ(rest.next_page_token(), "");
}

TEST_F(LabelErrorRound, WhatWasKeptIsNotProposedAgain) {
  for (v1::Job job = FirstSearch();; job = NextSearch()) {
    ASSERT_TRUE(Complete(job, ErrorsOf(job)).ok());
    if (job.fold() == 3) break;
  }
  world_.database.Sql("UPDATE label_error SET mended = false WHERE image_id % 2 = 0");
  const int64_t open = world_.Number("SELECT count(*) FROM label_error WHERE mended IS NULL");
  EXPECT_EQ(List().total(), static_cast<uint64_t>(open));
  EXPECT_EQ(List().kept(), 20 - static_cast<uint64_t>(open));
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  for (v1::Job job = FirstSearch();; job = NextSearch()) {
    ASSERT_TRUE(Complete(job, ErrorsOf(job)).ok());
    if (job.fold() == 3) break;
  }
  EXPECT_EQ(List().round(), 2U);
  EXPECT_EQ(List().total(), static_cast<uint64_t>(open));
  EXPECT_EQ(List().kept(), 0U);
}

TEST_F(LabelErrorRound, AWrongErrorIsRefusedAndNothingIsKept) {
  const v1::Job job = FirstSearch();
  const std::vector<v1::LabelError> errors = ErrorsOf(job);
  ASSERT_FALSE(errors.empty());
  const auto refused = [&](const std::function<void(v1::LabelError&)>& spoil) {
    std::vector<v1::LabelError> spoilt = errors;
    spoil(spoilt.front());
    return ReasonOf(Complete(job, spoilt));
  };
  const std::string kReason = "BAD_LABEL_ERROR";
  EXPECT_EQ(refused([](auto& error) { error.set_kind(v1::LABEL_ERROR_KIND_UNSPECIFIED); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.set_box_id(0); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.set_box_id(999'999); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.set_image_id(999'999); }), kReason);
  EXPECT_EQ(refused([&](auto& error) { error.set_image_id(world_.ImageAt("holdout", 0)); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.set_label(3); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.clear_label(); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.clear_box(); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.set_log_odds(std::nan("")); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.set_log_odds(0); }), kReason);
  EXPECT_EQ(refused([](auto& error) { error.mutable_box()->set_x2(-1); }), kReason);
  EXPECT_EQ(world_.Number("SELECT count(*) FROM label_error"), 0);
  EXPECT_TRUE(Complete(job, errors).ok());
  EXPECT_TRUE(Complete(job, errors).ok());  // the answer may have been lost
  EXPECT_EQ(world_.Number("SELECT count(*) FROM label_error"), static_cast<int64_t>(errors.size()));
}

// Until all folds are searched, and where that fails, what was found before stays.
TEST_F(LabelErrorRound, AHalfSearchReplacesNoWholeOne) {
  for (v1::Job job = FirstSearch();; job = NextSearch()) {
    ASSERT_TRUE(Complete(job, ErrorsOf(job)).ok());
    if (job.fold() == 3) break;
  }
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  v1::Job job = FirstSearch();
  ASSERT_TRUE(Complete(job, {}).ok());
  EXPECT_EQ(List().round(), 1U);
  EXPECT_EQ(List().total(), 20U);
  job = NextSearch();
  v1::FailJobRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  request.set_error("no memory");
  v1::FailJobResponse response;
  ASSERT_TRUE(world_.jobs->FailJob(world_.Context(world_.worker).get(), request, &response).ok());
  const v1::Round failed = world_.Get(2);
  EXPECT_EQ(failed.state(), "failed");
  EXPECT_THAT(failed.error(), HasSubstr("the search for label errors failed: no memory"));
  EXPECT_EQ(world_.Text("SELECT string_agg(state, ' ' ORDER BY number) FROM model"), "retired serving");
  EXPECT_EQ(List().round(), 1U);
}

// A model that a round trained has seen the labels.
TEST_F(LabelErrorRound, ItGoesBackToTheModelThatSawNoLabels) {
  world_.Submit("ranking { budget: 10 }");
  ASSERT_EQ(worker_.Finish(1).state(), "done");
  const v1::Job job = FirstSearch(R"(detector { init_model: "round-1" } label_errors { folds: 2 })");
  EXPECT_EQ(job.weights_sha256(), "");
  EXPECT_FALSE(job.own_weights());
}

TEST_F(LabelErrorRound, ARoundThatTrainsNothingCanNotSearch) {
  v1::SubmitRoundRequest request;
  request.set_request_id(world_.NewRequestId());
  request.set_recipe("training { skip: true } label_errors { folds: 1 }");
  v1::Round round;
  const grpc::Status status =
      world_.rounds->SubmitRound(world_.Context(world_.engineer).get(), request, &round);
  EXPECT_EQ(ReasonOf(status), "BAD_RECIPE");
  EXPECT_THAT(status.error_message(), HasSubstr("label_errors.folds"));
}

}  // namespace
}  // namespace loupe
