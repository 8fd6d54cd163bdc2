// The queue as engineers and viewers see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class QueueViewsTest : public LabelingTest {
 protected:
  absl::StatusOr<v1::ListQueueResponse> List(const v1::ListQueueRequest& request) {
    return Rpc(*stub_, &Labeling::ListQueue, viewer_, request);
  }

  // Ids of the images on a page; the token of the next one goes into `next`.
  std::vector<int64_t> Page(const v1::ListQueueRequest& request, std::string* next = nullptr) {
    const auto page = List(request);
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<int64_t> images;
    if (!page.ok()) return images;
    for (const v1::QueueEntry& entry : page->entries()) images.push_back(entry.image().id());
    if (next != nullptr) *next = page->next_page_token();
    return images;
  }

  v1::QueueSummary Summary() {
    const auto summary = Rpc(*stub_, &Labeling::GetQueueSummary, viewer_, v1::GetQueueSummaryRequest());
    EXPECT_TRUE(summary.ok()) << summary.status();
    return summary.ok() ? *summary : v1::QueueSummary();
  }

  void Answer(const v1::Task& task) {
    const auto taken = Submit(annotator_, CorrectionOf(task));
    ASSERT_TRUE(taken.ok()) << taken.status();
  }

  void Sql(const std::string& sql) { coordinator_.database().Sql(sql); }

  const std::string viewer_ = coordinator_.Token(v1::VIEWER);
};

// Generation 1 of RankByModel: 1 and 3 are uncertain, 2 and 4 rare.
class RankedQueueTest : public QueueViewsTest {
 protected:
  RankedQueueTest() {
    Import(4);
    RankByModel({1, 2, 3, 4});
    Sql("UPDATE ranking_entry SET slice = 'rare' WHERE image_id IN (2, 4) AND ranking_id = "
        "(SELECT id FROM ranking WHERE state = 'active')");
    Sql("UPDATE prediction SET labels[2] = 1, labels[3] = 1, scores[2] = 0.09 WHERE image_id = 3");
  }
};

TEST_F(RankedQueueTest, TellsWhatTheModelSeesAndWhoHoldsIt) {
  const v1::Task task = NextOne(annotator_);
  const auto page = List({});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->entries_size(), 4);
  const v1::QueueEntry& first = page->entries(0);
  ASSERT_EQ(first.predicted_size(), 2) << first.DebugString();
  EXPECT_EQ(first.predicted(0).label(), 1U);
  EXPECT_FLOAT_EQ(first.predicted(0).score(), 0.9F) << "the best box of the class";
  EXPECT_EQ(first.predicted(1).label(), 2U);
  EXPECT_FLOAT_EQ(first.predicted(1).score(), 0.4F);
  EXPECT_EQ(first.held_by(), coordinator_.database()
                                 .Sql("SELECT name FROM principal JOIN lease ON holder_id = principal.id")
                                 .at(0)[0]
                                 .as<std::string>());
  EXPECT_EQ(first.lease_expires_at().seconds(), task.lease_expires_at().seconds());
  EXPECT_EQ(page->entries(2).predicted_size(), 1) << "0.09 is too little to tell";
  Sql("UPDATE ranking_entry SET blind = true WHERE image_id = 1");
  EXPECT_EQ(List({})->entries(0).predicted_size(), 0) << "who labels may look at the queue";
  EXPECT_THAT(page->entries(1).held_by(), IsEmpty());
  EXPECT_FALSE(page->entries(1).has_lease_expires_at());
}

TEST_F(RankedQueueTest, FiltersBySliceClassAndAnswer) {
  const auto tasks = Next(annotator_, 2);
  Answer(tasks->at(1));
  v1::ListQueueRequest request;
  EXPECT_THAT(Page(request), ElementsAre(1, 2, 3, 4));
  request.set_unanswered(true);
  EXPECT_THAT(Page(request), ElementsAre(1, 3, 4));
  request.set_class_name("scratch");
  EXPECT_THAT(Page(request), ElementsAre(1, 4));
  request.set_slice(v1::RARE);
  EXPECT_THAT(Page(request), ElementsAre(4));
  request.set_class_name("");
  request.set_slice(v1::UNCERTAIN);
  request.set_page_size(1);
  EXPECT_THAT(Page(request, request.mutable_page_token()), ElementsAre(1));
  EXPECT_THAT(Page(request, request.mutable_page_token()), ElementsAre(3));
  EXPECT_THAT(request.page_token(), IsEmpty());
}

TEST_F(RankedQueueTest, RefusesClassesThatAreNotInUse) {
  v1::ListQueueRequest request;
  request.set_class_name("hole");
  EXPECT_EQ(ErrorReason(List(request).status()), "NO_SUCH_CLASS");
  Sql("UPDATE class SET retired_at = now() WHERE label = 2");
  request.set_class_name("scratch");
  EXPECT_EQ(ErrorReason(List(request).status()), "NO_SUCH_CLASS");
  EXPECT_EQ(List({})->entries(0).predicted_size(), 1) << "it is not told either";
  request.set_class_name("");
  request.set_slice(static_cast<v1::Slice>(77));
  EXPECT_EQ(List(request).status().code(), absl::StatusCode::kInvalidArgument);
}

// Each call looks at 20,000 entries, and a page says where the next one goes on.
TEST_F(RankedQueueTest, ALongWayToTheNextMatchIsSeveralPages) {
  Sql("INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, "
      "sampling_key, side) "
      "SELECT 1, sha256(n::text::bytea), n || '.png', 8, 8, 9, 'image/png', 0.5, 'pool' "
      "FROM generate_series(1, 20010) n");
  Sql("INSERT INTO ranking_entry (ranking_id, position, image_id, image_side, slice, blind) "
      "SELECT ranking.id, 100 + row_number() OVER (ORDER BY image.id), image.id, 'pool', "
      "       CASE WHEN image.file_name = '20009.png' THEN 'audit' ELSE 'uncertain' END, false "
      "FROM image, ranking WHERE image.id > 4 AND ranking.state = 'active'");
  v1::ListQueueRequest request;
  request.set_slice(v1::AUDIT);
  EXPECT_THAT(Page(request, request.mutable_page_token()), IsEmpty());
  EXPECT_EQ(request.page_token(), "20000");
  EXPECT_EQ(Page(request, request.mutable_page_token()).size(), 1U);
  EXPECT_THAT(request.page_token(), IsEmpty());

  const v1::QueueSummary summary = Summary();
  EXPECT_TRUE(summary.has_more());
  ASSERT_EQ(summary.slices_size(), 2);
  EXPECT_EQ(summary.slices(0).slice(), v1::RARE);
  EXPECT_EQ(summary.slices(1).slice(), v1::UNCERTAIN);
  EXPECT_EQ(summary.slices(0).images() + summary.slices(1).images(), 4 + 10'000 - 101)
      << "positions 0 to 3 and 101 to 9,999";
}

TEST_F(RankedQueueTest, TheSummaryCountsWhatIsLeftAndWhoHoldsIt) {
  Answer(NextOne(annotator_));
  const v1::Task held = NextOne(engineer_);
  v1::ExcludeImageRequest exclude;
  exclude.set_request_id(NextRequestId());
  exclude.set_image_id(4);
  exclude.set_reason("blurred");
  const auto images = v1::ImageService::NewStub(coordinator_.channel());
  ASSERT_TRUE(Rpc(*images, &v1::ImageService::Stub::ExcludeImage, engineer_, exclude).ok());
  const v1::QueueSummary summary = Summary();
  EXPECT_EQ(summary.generation(), 1U);
  EXPECT_EQ(summary.model(), 1U);
  EXPECT_TRUE(summary.has_active_since());
  EXPECT_FALSE(summary.has_more());
  ASSERT_EQ(summary.slices_size(), 2) << summary.DebugString();
  EXPECT_EQ(summary.slices(0).images(), 1U) << "2; 4 is excluded";
  EXPECT_EQ(summary.slices(1).images(), 1U) << "3; 1 is answered";
  EXPECT_EQ(summary.held_total(), 1U);
  ASSERT_EQ(summary.held_size(), 1);
  EXPECT_EQ(summary.held(0).image().id(), held.image().id());
  EXPECT_EQ(summary.held(0).kind(), v1::RANKED);
  EXPECT_EQ(summary.held(0).lease_expires_at().seconds(), held.lease_expires_at().seconds());
  EXPECT_EQ(summary.requests_size(), 0);
}

TEST_F(RankedQueueTest, RequestsAreListedInTheOrderInWhichTheyAreServed) {
  for (int i = 0; i < 3; ++i) Answer(NextOne(annotator_));
  v1::AddClassRequest add;
  add.set_request_id(NextRequestId());
  add.set_name("hole");
  const auto projects = v1::ProjectService::NewStub(coordinator_.channel());
  ASSERT_TRUE(Rpc(*projects, &v1::ProjectService::Stub::AddClass, engineer_, add).ok());
  Sql("UPDATE image SET state = 'excluded', state_reason = 'blurred' WHERE id = 2");
  const v1::Task held = NextOne(engineer_);
  const v1::QueueSummary summary = Summary();
  ASSERT_EQ(summary.requests_size(), 1);
  EXPECT_EQ(summary.requests(0).kind(), v1::CLASS_ADDED);
  EXPECT_EQ(summary.requests(0).images(), 2U) << "of those that can be served";
  EXPECT_FALSE(summary.requests(0).has_more());
  ASSERT_EQ(summary.next_requests_size(), 2);
  EXPECT_EQ(summary.next_requests(0).image().id(), held.image().id());
  EXPECT_EQ(summary.next_requests(0).new_class(), 3U);
  EXPECT_FALSE(summary.next_requests(0).held_by().empty());
  EXPECT_TRUE(summary.next_requests(1).held_by().empty());
}

TEST_F(RankedQueueTest, RequestsForOnePersonComeBehindThoseForAnybody) {
  Answer(NextOne(annotator_));
  const std::string name =
      coordinator_.database().Sql("SELECT name FROM principal WHERE role = 'annotator'").at(0)[0].c_str();
  v1::AssignImagesRequest assign;
  assign.set_request_id(NextRequestId());
  assign.add_image_ids(2);
  assign.set_annotator(name);
  assign.set_reason("you know this part");
  ASSERT_TRUE(Rpc(*stub_, &Labeling::AssignImages, engineer_, assign).ok());
  v1::RequestReviewsRequest review;
  review.set_request_id(NextRequestId());
  review.add_image_ids(1);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::RequestReviews, engineer_, review).ok());
  const v1::QueueSummary summary = Summary();
  ASSERT_EQ(summary.requests_size(), 2) << summary.DebugString();
  EXPECT_EQ(summary.requests(0).kind(), v1::ASSIGNED);
  EXPECT_EQ(summary.requests(0).images(), 1U) << "it needs no label";
  EXPECT_EQ(summary.requests(1).kind(), v1::REVIEW);
  ASSERT_EQ(summary.next_requests_size(), 2);
  EXPECT_EQ(summary.next_requests(0).image().id(), 1);
  EXPECT_EQ(summary.next_requests(0).asked_of(), "");
  EXPECT_EQ(summary.next_requests(1).image().id(), 2);
  EXPECT_EQ(summary.next_requests(1).asked_of(), name);
  EXPECT_EQ(summary.next_requests(1).reason(), "you know this part");
}

TEST_F(QueueViewsTest, WithoutImagesNothingIsLeft) {
  EXPECT_THAT(Page({}), IsEmpty());
  const v1::QueueSummary summary = Summary();
  EXPECT_EQ(summary.generation(), 0U);
  EXPECT_FALSE(summary.has_more());
  EXPECT_EQ(summary.slices_size(), 0);
  EXPECT_EQ(
      ErrorReason(Rpc(*stub_, &Labeling::GetQueueSummary, annotator_, v1::GetQueueSummaryRequest()).status()),
      "WRONG_ROLE");
}

}  // namespace
}  // namespace loupe
