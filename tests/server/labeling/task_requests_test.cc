// Second looks that engineers ask for, and images that they give to one person.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "loupe/v1/token.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TaskRequestsTest : public LabelingTest {
 protected:
  explicit TaskRequestsTest(double holdout_fraction = 0, size_t servers = 1)
      : LabelingTest(servers, holdout_fraction), other_(coordinator_.Token(v1::ANNOTATOR)) {}

  // The name of a token's principal.
  std::string NameOf(const std::string& token) {
    return coordinator_.database()
        .Sql(absl::StrCat("SELECT name FROM principal WHERE token_hash = sha256('", token, "')"))
        .at(0)[0]
        .as<std::string>();
  }

  void AnswerWithBox(const std::string& token, const v1::Task& task) {
    v1::SubmitRequest correction = CorrectionOf(task);
    AddBox(correction, 1, 1, 11, 11);
    const auto taken = Submit(token, correction);
    ASSERT_TRUE(taken.ok()) << taken.status();
  }

  absl::StatusOr<v1::RequestReviewsResponse> Review(const std::vector<int64_t>& images,
                                                    const std::string& reviewer = "",
                                                    const std::string& reason = "") {
    v1::RequestReviewsRequest request;
    request.set_request_id(NextRequestId());
    for (const int64_t image : images) request.add_image_ids(image);
    request.set_reviewer(reviewer);
    request.set_reason(reason);
    return Rpc(*stub_, &Labeling::RequestReviews, engineer_, request);
  }

  absl::StatusOr<v1::AssignImagesResponse> Assign(const std::vector<int64_t>& images,
                                                  const std::string& annotator) {
    v1::AssignImagesRequest request;
    request.set_request_id(NextRequestId());
    for (const int64_t image : images) request.add_image_ids(image);
    request.set_annotator(annotator);
    return Rpc(*stub_, &Labeling::AssignImages, engineer_, request);
  }

  absl::StatusOr<v1::CancelRequestsResponse> Cancel(const std::vector<int64_t>& images) {
    v1::CancelRequestsRequest request;
    request.set_request_id(NextRequestId());
    for (const int64_t image : images) request.add_image_ids(image);
    return Rpc(*stub_, &Labeling::CancelRequests, engineer_, request);
  }

  template <typename Response>
  static std::vector<std::string> Reasons(const absl::StatusOr<Response>& response) {
    std::vector<std::string> reasons;
    if (!response.ok()) return {std::string(response.status().message())};
    for (const v1::ImageProblem& problem : response->problems()) reasons.push_back(problem.reason());
    return reasons;
  }

  const std::string other_;
};

TEST_F(TaskRequestsTest, AReviewGoesToAnybodyButTheAuthorBeforeTheRanking) {
  Import(4);
  const v1::Task first = NextOne(annotator_);
  AnswerWithBox(annotator_, first);
  const int64_t image = first.image().id();
  const auto asked = Review({image, image}, "", "is the box tight?");
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_THAT(asked->image_ids(), ElementsAre(image)) << "an id that comes twice counts once";
  EXPECT_THAT(Reasons(Review({image})), ElementsAre("ALREADY_ASKED"));

  EXPECT_NE(NextOne(annotator_).image().id(), image) << "not to its author";
  const v1::Task look = NextOne(other_);
  ASSERT_EQ(look.image().id(), image);
  EXPECT_EQ(look.kind(), v1::TASK_KIND_UNSPECIFIED) << "hidden from annotators";
  EXPECT_EQ(look.request_reason(), "is the box tight?");
  ASSERT_EQ(look.boxes_size(), 1) << "the truth, to be corrected";
  v1::SubmitRequest correction = CorrectionOf(look);
  AddBox(correction, 2, 1, 11, 11).set_box_id(look.boxes(0).box_id());
  const auto taken = Submit(other_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(Number("SELECT count(*) FROM task_request WHERE state = 'answered' AND kind = 'review'"), 1);
  EXPECT_NE(NextOne(other_).image().id(), image) << "then the ranking goes on";
  EXPECT_THAT(Reasons(Review({image}, NameOf(other_))), ElementsAre("OWN_ANSWER"));
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(TaskRequestsTest, AReviewForAPersonWaitsForThatPerson) {
  Import(3);
  const v1::Task first = NextOne(annotator_);
  AnswerWithBox(annotator_, first);
  ASSERT_THAT(Reasons(Review({first.image().id()}, NameOf(engineer_))), IsEmpty());
  EXPECT_NE(NextOne(other_).image().id(), first.image().id());
  const v1::Task look = NextOne(engineer_);
  EXPECT_EQ(look.image().id(), first.image().id());
  EXPECT_EQ(look.kind(), v1::REVIEW);
  // It is served again when its task ends without an answer.
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, engineer_, ReleaseOf({look})).ok());
  EXPECT_EQ(NextOne(engineer_).image().id(), first.image().id());
}

TEST_F(TaskRequestsTest, EachImageThatCantBeAskedAboutIsNamedAndTheOthersAreAskedAbout) {
  Import(4);
  RankByModel({1, 2, 3, 4});
  AnswerWithBox(annotator_, NextOne(annotator_));
  MakeProject(coordinator_.channel(), engineer_, "others", 0);
  coordinator_.database().Sql("UPDATE image SET state = 'excluded', state_reason = 'dark' WHERE id = 4");
  v1::RequestReviewsRequest request;
  request.set_request_id(NextRequestId());
  request.set_project("parts");
  for (const int64_t image : {4, 999, 3, 1}) request.add_image_ids(image);
  const auto asked = Rpc(*stub_, &Labeling::RequestReviews, engineer_, request);
  EXPECT_THAT(Reasons(asked), ElementsAre("NOT_LABELLED", "IMAGE_NOT_USABLE", "NO_SUCH_IMAGE"));
  ASSERT_TRUE(asked.ok());
  EXPECT_THAT(asked->image_ids(), ElementsAre(1));
  EXPECT_THAT(asked->problems(2).message(), HasSubstr("image 999"));
  const auto repeated = Rpc(*stub_, &Labeling::RequestReviews, engineer_, request);
  ASSERT_TRUE(repeated.ok());
  EXPECT_EQ(repeated->SerializeAsString(), asked->SerializeAsString());

  request.set_request_id(NextRequestId());
  request.set_project("others");
  EXPECT_THAT(Reasons(Rpc(*stub_, &Labeling::RequestReviews, engineer_, request)),
              ElementsAre("NO_SUCH_IMAGE", "NO_SUCH_IMAGE", "NO_SUCH_IMAGE", "NO_SUCH_IMAGE"));
}

TEST_F(TaskRequestsTest, AnAssignedImageIsServedToThatPersonAloneAsTheRankingWouldServeIt) {
  Import(3);
  RankByModel({1, 2, 3});
  const auto given = Assign({1, 2}, NameOf(other_));
  ASSERT_TRUE(given.ok()) << given.status();
  EXPECT_THAT(given->image_ids(), ElementsAre(1, 2));
  const auto rest = Next(annotator_, 10);
  ASSERT_TRUE(rest.ok());
  ASSERT_EQ(rest->size(), 1U) << "nobody else gets them";
  EXPECT_EQ(rest->front().image().id(), 3);
  const auto own = Next(other_, 10);
  ASSERT_TRUE(own.ok());
  ASSERT_EQ(own->size(), 2U);
  EXPECT_FALSE(own->front().blind());
  EXPECT_EQ(own->front().predictions_size(), 2) << "those of at least 0.3";
  v1::SubmitRequest correction = CorrectionOf(own->front());
  AddBox(correction, 1, 1, 11, 11).set_predicted_index(0);
  const auto taken = Submit(other_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->accepted(), 1U);
  const v1::ImageProvenance found = Provenance(1);
  ASSERT_EQ(found.revisions_size(), 1);
  EXPECT_FALSE(found.revisions(0).blind());
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(TaskRequestsTest, WhatIsTakenBackIsServedByTheRankingAgain) {
  Import(3);
  RankByModel({1, 2, 3});
  ASSERT_THAT(Reasons(Assign({1, 2}, NameOf(other_))), IsEmpty());
  // The queue goes past them.
  coordinator_.database().Sql("UPDATE ranking SET first_open = first_open_position(id, 0)");
  ASSERT_EQ(Number("SELECT first_open FROM ranking WHERE state = 'active'"), 2);
  const auto taken = Cancel({2, 1, 3, 999});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_THAT(taken->image_ids(), ElementsAre(1, 2));
  EXPECT_THAT(Reasons(taken), ElementsAre("NOT_ASKED", "NO_SUCH_IMAGE"));
  EXPECT_EQ(NextOne(annotator_).image().id(), 1);
}

TEST_F(TaskRequestsTest, WhatWasAskedOfSomebodyWhoseTokenIsRevokedFallsToEverybody) {
  Import(3);
  const std::string gone = coordinator_.Token(v1::ANNOTATOR);
  ASSERT_THAT(Reasons(Assign({2}, NameOf(gone))), IsEmpty());
  const auto tokens = v1::TokenService::NewStub(coordinator_.channel());
  v1::RevokeTokenRequest revoke;
  revoke.set_id(Number(absl::StrCat("SELECT id FROM principal WHERE name = '", NameOf(gone), "'")));
  ASSERT_TRUE(Rpc(*tokens, &v1::TokenService::Stub::RevokeToken, coordinator_.Token(v1::ADMIN), revoke).ok());
  EXPECT_EQ(NextOne(annotator_).image().id(), 2);
  const absl::Status refused = Assign({1}, NameOf(gone)).status();
  EXPECT_EQ(ErrorReason(refused), "CANNOT_LABEL");
  EXPECT_EQ(ErrorReason(Assign({1}, NameOf(coordinator_.Token(v1::VIEWER))).status()), "CANNOT_LABEL");
  EXPECT_EQ(ErrorReason(Assign({1}, "nobody").status()), "NO_SUCH_REVIEWER");
  EXPECT_EQ(ErrorReason(Assign({1}, "").status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(Assign({}, NameOf(other_)).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(Assign(std::vector<int64_t>(1001, 1), NameOf(other_)).status()), "INVALID_ARGUMENT");
}

TEST_F(TaskRequestsTest, AReviewEndsWithTheLabelThatItIsAbout) {
  Import(2);
  const v1::Task first = NextOne(annotator_);
  AnswerWithBox(annotator_, first);
  ASSERT_THAT(Reasons(Review({first.image().id()})), IsEmpty());
  v1::WithdrawRequest withdraw;
  withdraw.set_request_id(NextRequestId());
  withdraw.set_reviewer(NameOf(annotator_));
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Withdraw, engineer_, withdraw).ok());
  EXPECT_EQ(Number("SELECT count(*) FROM task_request WHERE state = 'open'"), 0);
}

TEST_F(TaskRequestsTest, ManyThatCantBeServedKeepNoneBack) {
  Import(3);
  const v1::Task first = NextOne(annotator_);
  AnswerWithBox(annotator_, first);
  coordinator_.database().Sql(R"(
      WITH unused AS (
        INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
                           side, state, state_reason)
        SELECT 1, sha256(('unused ' || n)::bytea), 'unused-' || n, 10, 10, 1, 'image/png', 0.5, 'pool',
               'excluded', 'why'
        FROM generate_series(1, 3500) n RETURNING id
      )
      INSERT INTO task_request (project_id, image_id, image_side, kind, state, created_by)
      SELECT 1, id, 'pool', 'review', 'open', 1 FROM unused)");
  ASSERT_THAT(Reasons(Review({first.image().id()})), IsEmpty());
  EXPECT_EQ(NextOne(other_).image().id(), first.image().id());
}

class RequestsOnHoldoutTest : public TaskRequestsTest {
 protected:
  RequestsOnHoldoutTest() : TaskRequestsTest(0.5) {}
};

TEST_F(RequestsOnHoldoutTest, ASecondLookIsAsBlindAsTheFirst) {
  Import(8);
  const auto tasks = Next(annotator_, 8);
  ASSERT_TRUE(tasks.ok());
  for (const v1::Task& task : *tasks) AnswerWithBox(annotator_, task);
  const int64_t image =
      Number("SELECT min(id) FROM image WHERE side = 'holdout' AND truth_revision_id IS NOT NULL");
  RankByModel({Number("SELECT min(id) FROM image WHERE side = 'pool'")});
  ASSERT_THAT(Reasons(Review({image}, "", "look at the corner")), IsEmpty());
  const v1::Task look = NextOne(other_);
  ASSERT_EQ(look.image().id(), image);
  EXPECT_TRUE(look.blind());
  EXPECT_EQ(look.boxes_size() + look.predictions_size(), 0);
  EXPECT_EQ(look.request_reason() + look.note(), "");
  v1::SubmitRequest correction = CorrectionOf(look);
  AddBox(correction, 3, 3, 9, 9);
  const auto taken = Submit(other_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(taken->drawn(), 1U);
  EXPECT_TRUE(Provenance(image).revisions(1).blind());
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

// Who asks has seen the predictions.
TEST_F(RequestsOnHoldoutTest, WhoAsksForASecondLookIsNotWhoLooks) {
  Import(8);
  const auto tasks = Next(annotator_, 8);
  ASSERT_TRUE(tasks.ok());
  for (const v1::Task& task : *tasks) AnswerWithBox(annotator_, task);
  const std::vector<int64_t> images = {
      Number("SELECT min(id) FROM image WHERE side = 'holdout' AND truth_revision_id IS NOT NULL"),
      Number("SELECT max(id) FROM image WHERE side = 'holdout' AND truth_revision_id IS NOT NULL")};
  EXPECT_THAT(Reasons(Review(images, NameOf(engineer_))),
              ElementsAre("ASKED_BY_YOURSELF", "ASKED_BY_YOURSELF"));
  EXPECT_THAT(Reasons(Assign(images, NameOf(engineer_))),
              ElementsAre("ASKED_BY_YOURSELF", "ASKED_BY_YOURSELF"));
  EXPECT_THAT(Reasons(Assign(images, NameOf(annotator_))), ElementsAre("OWN_ANSWER", "OWN_ANSWER"));
  ASSERT_THAT(Reasons(Review({images[0]}, NameOf(other_))), IsEmpty());
  ASSERT_THAT(Reasons(Review({images[1]})), IsEmpty());
  const auto own = Next(engineer_, 8);
  EXPECT_TRUE(!own.ok() || own->empty()) << own->size();
  EXPECT_EQ(Next(other_, 8)->size(), 2U);
}

TEST_F(RequestsOnHoldoutTest, AnUnlabelledHoldoutImageKeepsItsOrder) {
  Import(8);
  const int64_t image = Number("SELECT min(id) FROM image WHERE side = 'holdout'");
  EXPECT_THAT(Reasons(Assign({image}, NameOf(other_))), ElementsAre("HOLDOUT_ORDER"));
}

class RequestsAtOnceTest : public TaskRequestsTest {
 protected:
  RequestsAtOnceTest() : TaskRequestsTest(0, 2) {}
};

TEST_F(RequestsAtOnceTest, OneOfTwoEngineersGivesAnImageAndEachIsServedOnce) {
  constexpr int kImages = 40;
  Import(kImages);
  std::vector<int64_t> images;
  for (int64_t image = 1; image <= kImages; ++image) images.push_back(image);
  const std::vector<std::string> people = {annotator_, other_};
  std::vector<std::string> names;
  for (const std::string& token : people) names.push_back(NameOf(token));
  std::vector<std::vector<int64_t>> given(2);
  std::vector<std::thread> engineers;
  for (size_t i = 0; i < 2; ++i) {
    engineers.emplace_back([&, i] {
      std::vector<int64_t> order = images;
      if (i == 1) std::reverse(order.begin(), order.end());
      const auto answer = Assign(order, names[i]);
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer->image_ids_size() + answer->problems_size(), kImages);
      given[i].assign(answer->image_ids().begin(), answer->image_ids().end());
    });
  }
  for (std::thread& engineer : engineers) engineer.join();
  EXPECT_EQ(given[0].size() + given[1].size(), static_cast<size_t>(kImages));
  std::vector<std::multiset<int64_t>> served(2);
  absl::Mutex mutex;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 2; ++i) {
    for (size_t server = 0; server < 2; ++server) {
      threads.emplace_back([&, i, server] {
        const auto stub = v1::LabelingService::NewStub(coordinator_.channel(server));
        for (;;) {
          v1::NextTasksRequest request;
          request.set_request_id(NextRequestId());
          request.set_count(3);
          const auto tasks = Rpc(*stub, &Labeling::NextTasks, people[i], request);
          ASSERT_TRUE(tasks.ok()) << tasks.status();
          if (tasks->tasks().empty()) return;
          absl::MutexLock lock(&mutex);
          for (const v1::Task& task : tasks->tasks()) served[i].insert(task.image().id());
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(served[i], std::multiset<int64_t>(given[i].begin(), given[i].end()));
  }
}

}  // namespace
}  // namespace loupe
