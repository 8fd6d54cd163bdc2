// Excluding and restoring many images at once, and exporting some.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ImageListsTest : public LabelingTest {
 protected:
  using Images = v1::ImageService::Stub;

  ImageListsTest() { Import(6); }

  absl::StatusOr<v1::ExcludeImagesResponse> Exclude(const std::vector<int64_t>& ids,
                                                    const std::string& reason = "dark") {
    v1::ExcludeImagesRequest request;
    request.set_request_id(NextRequestId());
    for (const int64_t id : ids) request.add_image_ids(id);
    request.set_reason(reason);
    return Rpc(*images_, &Images::ExcludeImages, engineer_, request);
  }

  absl::StatusOr<v1::RestoreImagesResponse> Restore(const std::vector<int64_t>& ids) {
    v1::RestoreImagesRequest request;
    request.set_request_id(NextRequestId());
    for (const int64_t id : ids) request.add_image_ids(id);
    return Rpc(*images_, &Images::RestoreImages, engineer_, request);
  }

  template <typename Response>
  static std::vector<std::string> Reasons(const Response& response) {
    std::vector<std::string> reasons;
    for (const v1::ImageProblem& problem : response.problems()) reasons.push_back(problem.reason());
    return reasons;
  }

  std::unique_ptr<Images> images_ = v1::ImageService::NewStub(coordinator_.channel());
};

TEST_F(ImageListsTest, UndoingAnExclusionRestoresExactlyWhatItExcluded) {
  coordinator_.database().Sql(
      "UPDATE image SET state = 'set_aside', state_reason = 'broken' WHERE id = 2;"
      "UPDATE image SET state = 'removed', state_reason = 'asked', file_name = '' WHERE id = 3");
  const auto excluded = Exclude({1, 2, 3, 4, 4, 77});
  ASSERT_TRUE(excluded.ok()) << excluded.status();
  EXPECT_THAT(excluded->image_ids(), ElementsAre(1, 4));
  EXPECT_THAT(Reasons(*excluded), ElementsAre("IMAGE_NOT_USABLE", "IMAGE_REMOVED", "NO_SUCH_IMAGE"));
  EXPECT_EQ(Number("SELECT count(*) FROM event WHERE kind = 'image_state_changed'"), 2);
  EXPECT_EQ(Next(annotator_, 6)->size(), 2U) << "those in use";

  const auto restored = Restore({1, 4});
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_THAT(restored->image_ids(), ElementsAre(1, 4));
  EXPECT_THAT(Reasons(*restored), IsEmpty());
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE state = 'set_aside'"), 1) << "as it was before";
  EXPECT_THAT(Reasons(*Restore({1, 3})), ElementsAre("IMAGE_USABLE", "IMAGE_REMOVED"));
}

TEST_F(ImageListsTest, TheQueueGoesBackToTheFirstOfThoseThatAreRestored) {
  RankByModel({1, 2, 3, 4});
  ASSERT_TRUE(Exclude({1, 2, 3}).ok());
  coordinator_.database().Sql("UPDATE ranking SET first_open = first_open_position(id, 0)");
  ASSERT_EQ(Number("SELECT first_open FROM ranking WHERE state = 'active'"), 3);
  ASSERT_TRUE(Restore({3, 2}).ok());
  EXPECT_EQ(NextOne(annotator_).image().id(), 2);
}

TEST_F(ImageListsTest, AnImageOfAnotherProjectIsNoneOfThisOne) {
  MakeProject(coordinator_.channel(), engineer_, "others", 0);
  v1::ExcludeImagesRequest request;
  request.set_request_id(NextRequestId());
  request.set_project("others");
  request.add_image_ids(1);
  request.set_reason("x");
  const auto excluded = Rpc(*images_, &Images::ExcludeImages, engineer_, request);
  ASSERT_TRUE(excluded.ok()) << excluded.status();
  EXPECT_THAT(Reasons(*excluded), ElementsAre("NO_SUCH_IMAGE"));
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE state <> 'usable'"), 0);
}

TEST_F(ImageListsTest, BadListsAndReasonsAreRefusedAndChangeNothing) {
  EXPECT_EQ(ErrorReason(Exclude({}).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(Exclude(std::vector<int64_t>(1001, 1)).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(Exclude({1}, "").status()), "INVALID_ARGUMENT");
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE state <> 'usable'"), 0);
}

TEST_F(ImageListsTest, LabelsOfTheseImagesAloneAreExported) {
  const auto tasks = Next(annotator_, 3);
  ASSERT_TRUE(tasks.ok());
  std::vector<int64_t> labelled;
  for (const v1::Task& task : *tasks) {
    ASSERT_TRUE(Submit(annotator_, CorrectionOf(task)).ok());
    labelled.push_back(task.image().id());
  }
  v1::ExportLabelsRequest request;
  request.add_image_ids(labelled[1]);
  for (int64_t id = 1; id <= 6; ++id) {
    if (std::find(labelled.begin(), labelled.end(), id) == labelled.end()) request.add_image_ids(id);
  }
  const auto context = NewContext(engineer_);
  const auto reader = images_->ExportLabels(context.get(), request);
  v1::LabelledImage image;
  std::vector<int64_t> exported;
  while (reader->Read(&image)) exported.push_back(image.image().id());
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_THAT(exported, ElementsAre(labelled[1]));
}

}  // namespace
}  // namespace loupe
