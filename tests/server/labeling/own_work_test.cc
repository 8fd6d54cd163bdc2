// What a person has done: the listing of answers, and the totals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/rows/message_row.h"
#include "loupe/v1/image.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;

class OwnWorkTest : public AnsweredTest {
 protected:
  v1::ListAnswersResponse Page(const std::string& token, uint32_t size = 0, const std::string& after = "") {
    v1::ListAnswersRequest request;
    request.set_project("parts");
    request.set_page_size(size);
    request.set_page_token(after);
    const auto page = Rpc(*stub_, &Labeling::ListAnswers, token, request);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *page : v1::ListAnswersResponse();
  }

  static std::vector<int64_t> ImagesOf(const v1::ListAnswersResponse& page) {
    std::vector<int64_t> images;
    for (const v1::Answer& answer : page.answers()) images.push_back(answer.image().id());
    return images;
  }

  // The answer to an image that the person has answered.
  v1::Answer AnswerTo(const std::string& token, int64_t image) {
    const v1::ListAnswersResponse page = Page(token);
    for (const v1::Answer& answer : page.answers()) {
      if (answer.image().id() == image) return answer;
    }
    ADD_FAILURE() << "image " << image << " isn't listed";
    return {};
  }

  v1::OwnWork Work(const std::string& token, absl::Time since = absl::UnixEpoch()) {
    v1::GetOwnWorkRequest request;
    request.set_project("parts");
    if (since != absl::UnixEpoch()) *request.mutable_since() = TimestampOf(since);
    const auto work = Rpc(*stub_, &Labeling::GetOwnWork, token, request);
    EXPECT_TRUE(work.ok()) << work.status();
    return work.ok() ? *work : v1::OwnWork();
  }

  // Adds a box to what the image has.
  void AnswerAgain(const std::string& token, int64_t image, uint32_t spent_ms = 0) {
    v1::SubmitRequest correction = Unchanged(*Reopen(token, image));
    AddBox(correction, 1, 1, 3, static_cast<float>(3 + correction.boxes_size()));
    correction.set_spent_ms(spent_ms);
    ASSERT_TRUE(Submit(token, correction).ok());
  }

  template <typename Request, typename Method>
  void Change(Method method, int64_t image) {
    const auto images = v1::ImageService::NewStub(coordinator_.channel());
    Request request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    if constexpr (requires { request.set_reason("a test"); }) request.set_reason("a test");
    ASSERT_TRUE(Rpc(*images, method, engineer_, request).ok());
  }

  void Withdraw(const std::string& model) {
    v1::WithdrawRequest request;
    request.set_request_id(NextRequestId());
    request.set_model(model);
    ASSERT_EQ(Rpc(*stub_, &Labeling::Withdraw, engineer_, request)->images(), 1U);
  }

  // Whether the listing says of each of its images what OpenTask then does.
  void ExpectOpensWhatItSays(const std::string& token) {
    const v1::ListAnswersResponse page = Page(token);
    for (const v1::Answer& answer : page.answers()) {
      const auto opened = Reopen(token, answer.image().id());
      EXPECT_EQ(answer.can_be_opened(), opened.ok()) << "image " << answer.image().id();
      if (!opened.ok()) continue;
      ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, token, ReleaseOf({*opened})).ok());
    }
  }
};

TEST_F(OwnWorkTest, AnImageIsListedOnceWithItsLastAnswerTheLatestFirst) {
  EXPECT_THAT(ImagesOf(Page(annotator_)), ElementsAre(3, 2, 1));
  v1::SubmitRequest correction = Unchanged(*Reopen(annotator_, 1));
  AddBox(correction, 1, 1, 5, 5);
  AddBox(correction, 1, 1, 5, 6);
  correction.set_note("the edge was cut off");
  correction.add_flags("unclear");
  correction.set_spent_ms(4321);
  ASSERT_TRUE(Submit(annotator_, correction).ok());
  const v1::ListAnswersResponse page = Page(annotator_);
  EXPECT_THAT(ImagesOf(page), ElementsAre(1, 3, 2));
  const v1::Answer& answer = page.answers(0);
  EXPECT_EQ(answer.boxes(), 3U);
  EXPECT_EQ(answer.spent_ms(), 4321U);
  EXPECT_EQ(answer.standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(answer.note(), "the edge was cut off");
  EXPECT_THAT(answer.flags(), ElementsAre("unclear"));
  EXPECT_TRUE(answer.can_be_opened());
  EXPECT_LT(absl::AbsDuration(TimeOf(answer.created_at()) - absl::Now()), absl::Minutes(1));
  EXPECT_EQ(page.answers(2).boxes(), 1U);
  EXPECT_EQ(page.answers(2).note(), "");
}

TEST_F(OwnWorkTest, PagesHoldEachImageOnceAlsoIfOneIsAnsweredAgainMeanwhile) {
  const v1::ListAnswersResponse first = Page(annotator_, 1);
  EXPECT_THAT(ImagesOf(first), ElementsAre(3));
  AnswerAgain(annotator_, 3);
  const v1::ListAnswersResponse second = Page(annotator_, 1, first.next_page_token());
  EXPECT_THAT(ImagesOf(second), ElementsAre(2));
  const v1::ListAnswersResponse third = Page(annotator_, 1, second.next_page_token());
  EXPECT_THAT(ImagesOf(third), ElementsAre(1));
  EXPECT_EQ(third.next_page_token(), "") << "a full last page is the last, too";
  EXPECT_EQ(Page(annotator_).next_page_token(), "");
  v1::ListAnswersRequest request;
  request.set_page_token("the next");
  EXPECT_EQ(Rpc(*stub_, &Labeling::ListAnswers, annotator_, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(OwnWorkTest, NobodySeesAnswersOfOthersNorOfOtherProjects) {
  const std::string other = coordinator_.Token(v1::ANNOTATOR);
  EXPECT_EQ(Page(other).answers_size(), 0);
  EXPECT_EQ(Work(other).total().images(), 0U);
  AnswerAgain(engineer_, 1);
  EXPECT_THAT(ImagesOf(Page(engineer_)), ElementsAre(1));
  EXPECT_EQ(AnswerTo(engineer_, 1).boxes(), 2U);
  const v1::Answer own = AnswerTo(annotator_, 1);
  EXPECT_EQ(own.boxes(), 1U) << "it says nothing of the engineer's";
  EXPECT_FALSE(own.can_be_opened()) << "the truth is the engineer's now";
  EXPECT_EQ(Work(engineer_).total().boxes(), 2U);
  EXPECT_EQ(Work(annotator_).total().boxes(), 3U);

  MakeProject(coordinator_.channel(), engineer_, "more", 0);
  v1::ListAnswersRequest list;
  list.set_project("more");
  EXPECT_EQ(Rpc(*stub_, &Labeling::ListAnswers, annotator_, list)->answers_size(), 0);
  v1::GetOwnWorkRequest work;
  work.set_project("more");
  EXPECT_EQ(Rpc(*stub_, &Labeling::GetOwnWork, annotator_, work)->total().images(), 0U);
  list.set_project("nowhere");
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &Labeling::ListAnswers, annotator_, list).status()), "NO_SUCH_PROJECT");
  work.set_project("nowhere");
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &Labeling::GetOwnWork, annotator_, work).status()), "NO_SUCH_PROJECT");
}

TEST_F(OwnWorkTest, WhatWasImportedIsNoAnswer) {
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  std::vector<TestPicture> pictures = PlainPictures(1, 50);
  pictures[0].labels.emplace();
  ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, pictures).ok());
  EXPECT_EQ(Page(engineer_).answers_size(), 0);
  EXPECT_EQ(Work(engineer_).total().images(), 0U);
}

TEST_F(OwnWorkTest, AnAnswerThatCameTooLateIsListedAsOne) {
  const v1::Task slow = *Reopen(annotator_, 1);
  LetLeasesEnd();
  AnswerAgain(engineer_, 1);
  ASSERT_EQ(Submit(annotator_, CorrectionOf(slow))->standing(), v1::STANDING_LATE);
  const v1::Answer late = AnswerTo(annotator_, 1);
  EXPECT_EQ(late.standing(), v1::STANDING_LATE);
  EXPECT_EQ(late.boxes(), 0U);
  EXPECT_FALSE(late.can_be_opened());
  EXPECT_TRUE(AnswerTo(engineer_, 1).can_be_opened());
}

TEST_F(OwnWorkTest, TheListingSaysWhatCanBeOpened) {
  AnswerAgain(engineer_, 1);
  const v1::Task slow = *Reopen(annotator_, 3);
  LetLeasesEnd();
  AnswerAgain(annotator_, 3);
  ASSERT_EQ(Submit(annotator_, CorrectionOf(slow))->standing(), v1::STANDING_LATE);
  Withdraw("1");  // image 2
  EXPECT_FALSE(AnswerTo(annotator_, 1).can_be_opened()) << "the truth is the engineer's";
  EXPECT_FALSE(AnswerTo(annotator_, 2).can_be_opened()) << "it was withdrawn";
  EXPECT_TRUE(AnswerTo(annotator_, 3).can_be_opened())
      << "late, and the annotator's answer before is the truth";
  ExpectOpensWhatItSays(annotator_);
  ExpectOpensWhatItSays(engineer_);
  v1::WithdrawRequest engineers;
  engineers.set_request_id(NextRequestId());
  engineers.set_reviewer(
      coordinator_.database().Sql("SELECT name FROM principal WHERE role = 'engineer'").at(0)[0].c_str());
  ASSERT_EQ(Rpc(*stub_, &Labeling::Withdraw, engineer_, engineers)->images(), 1U);
  EXPECT_TRUE(AnswerTo(annotator_, 1).can_be_opened()) << "the annotator's is the truth again";
  EXPECT_TRUE(AnswerTo(engineer_, 1).can_be_opened()) << "engineers open anybody's";
  ExpectOpensWhatItSays(annotator_);
  ExpectOpensWhatItSays(engineer_);
}

TEST_F(OwnWorkTest, RemovedImagesAreLeftOutAndUnusableOnesCannotBeOpened) {
  using Images = v1::ImageService::Stub;
  Change<v1::ExcludeImageRequest>(&Images::ExcludeImage, 1);
  Change<v1::RemoveImageRequest>(&Images::RemoveImage, 2);
  EXPECT_THAT(ImagesOf(Page(annotator_)), ElementsAre(3, 1));
  EXPECT_THAT(ImagesOf(Page(annotator_, 1, Page(annotator_, 1).next_page_token())), ElementsAre(1));
  EXPECT_EQ(AnswerTo(annotator_, 1).image().state(), v1::EXCLUDED);
  EXPECT_FALSE(AnswerTo(annotator_, 1).can_be_opened());
  ExpectOpensWhatItSays(annotator_);
  Change<v1::RestoreImageRequest>(&Images::RestoreImage, 1);
  EXPECT_TRUE(AnswerTo(annotator_, 1).can_be_opened());
}

TEST_F(OwnWorkTest, AnImageThatWasAnsweredAgainCountsOnce) {
  AnswerAgain(annotator_, 1, 1000);
  const uint64_t spent = Work(annotator_).total().spent_ms();
  EXPECT_GE(spent, 1000U);
  const absl::Time noon = absl::Now();
  AnswerAgain(annotator_, 1, 2000);
  AnswerAgain(annotator_, 2, 4000);
  AnswerAgain(annotator_, 2, 8000);
  const v1::OwnWork work = Work(annotator_, noon);
  EXPECT_EQ(work.total().images(), 3U);
  EXPECT_EQ(work.total().boxes(), 3U + 3U + 1U);
  EXPECT_EQ(work.total().spent_ms(), spent + 14'000);
  EXPECT_EQ(work.since().images(), 2U);
  EXPECT_EQ(work.since().boxes(), 3U + 3U);
  EXPECT_EQ(work.since().spent_ms(), 14'000U);
  EXPECT_EQ(Work(annotator_).since().SerializeAsString(), work.total().SerializeAsString())
      << "without a time all counts";
  EXPECT_EQ(Work(annotator_, absl::Now()).since().images(), 0U);
  EXPECT_EQ(Work(annotator_, absl::Now()).since().boxes(), 0U);
  v1::GetOwnWorkRequest request;
  request.mutable_since()->set_seconds(-1);
  EXPECT_EQ(Rpc(*stub_, &Labeling::GetOwnWork, annotator_, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(OwnWorkTest, OpenTasksAndSkippedImagesAreCounted) {
  EXPECT_EQ(Work(annotator_).open_tasks(), 0U);
  const v1::Task task = NextOne(annotator_);
  EXPECT_EQ(Work(annotator_).open_tasks(), 1U);
  EXPECT_EQ(Work(engineer_).open_tasks(), 0U);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(task)).ok());
  EXPECT_EQ(Work(annotator_).open_tasks(), 0U);
  EXPECT_EQ(Work(annotator_).skipped_images(), 1U);
  EXPECT_EQ(Work(engineer_).skipped_images(), 0U);
  EXPECT_EQ(Work(annotator_).total().images(), 3U) << "a skipped image isn't answered";
}

class OwnHoldoutWorkTest : public LabelingTest {
 protected:
  OwnHoldoutWorkTest() : LabelingTest(1, 0.5) {}
};

TEST_F(OwnHoldoutWorkTest, AnAnswersImageTellsWhatItsTaskToldAndNoMore) {
  Import(20);
  for (const std::string& token : {annotator_, engineer_}) {
    std::map<int64_t, std::string> told;
    const std::vector<v1::Task> tasks = *Next(token, 8);
    for (const v1::Task& task : tasks) {
      told[task.image().id()] = task.image().SerializeAsString();
      ASSERT_TRUE(Submit(token, CorrectionOf(task)).ok());
    }
    const auto listed = Rpc(*stub_, &Labeling::ListAnswers, token, v1::ListAnswersRequest());
    ASSERT_TRUE(listed.ok()) << listed.status();
    EXPECT_EQ(listed->answers_size(), 8);
    for (const v1::Answer& answer : listed->answers()) {
      EXPECT_EQ(answer.image().SerializeAsString(), told[answer.image().id()]);
      EXPECT_EQ(answer.image().side() == v1::SIDE_UNSPECIFIED, token == annotator_);
      EXPECT_EQ(answer.image().sampling_key() == 0, token == annotator_);
      EXPECT_EQ(answer.image().revisions(), 0U);
      EXPECT_FALSE(answer.image().labelled());
    }
  }
}

}  // namespace
}  // namespace loupe
