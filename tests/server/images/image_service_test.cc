#include "server/images/image_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "proto/error_info.h"
#include "tests/support/coordinator.h"
#include "tests/support/pictures.h"

namespace loupe {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using Code = absl::StatusCode;
using ImageStub = v1::ImageService::Stub;

v1::ImportedBox Box(float x1, float y1, float x2, float y2, uint32_t label = 1, int64_t source_id = 7) {
  v1::ImportedBox box;
  box.mutable_box()->set_x1(x1);
  box.mutable_box()->set_y1(y1);
  box.mutable_box()->set_x2(x2);
  box.mutable_box()->set_y2(y2);
  box.set_label(label);
  box.set_source_id(source_id);
  return box;
}

v1::ImportedLabels Labels(const std::vector<v1::ImportedBox>& boxes) {
  v1::ImportedLabels labels;
  for (const v1::ImportedBox& box : boxes) *labels.add_boxes() = box;
  return labels;
}

class ImageServiceTest : public testing::Test {
 protected:
  ImageServiceTest() { MakeProject(coordinator_.channel(), engineer_, "parts", 0.3); }

  absl::StatusOr<v1::ImportResponse> Import(const std::vector<TestPicture>& pictures, bool blind = false) {
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    start.set_blind(blind);
    return ImportPictures(coordinator_.channel(), engineer_, start, pictures);
  }

  std::vector<v1::Image> List(const v1::ListImagesRequest& request = {}) {
    const auto page = Rpc(*stub_, &ImageStub::ListImages, engineer_, request);
    EXPECT_TRUE(page.ok()) << page.status();
    return {page->images().begin(), page->images().end()};
  }

  std::vector<v1::LabelledImage> Export() {
    const auto context = NewContext(engineer_);
    const auto reader = stub_->ExportLabels(context.get(), v1::ExportLabelsRequest());
    std::vector<v1::LabelledImage> images;
    for (v1::LabelledImage image; reader->Read(&image);) images.push_back(image);
    EXPECT_TRUE(reader->Finish().ok());
    return images;
  }

  absl::StatusOr<std::string> Read(int64_t image) {
    v1::ReadImageRequest request;
    request.set_image_id(image);
    const auto context = NewContext(engineer_);
    const auto reader = stub_->ReadImage(context.get(), request);
    std::string bytes;
    for (v1::ReadImageResponse chunk; reader->Read(&chunk);) bytes += chunk.chunk();
    const absl::Status status = FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return bytes;
  }

  TestCoordinator coordinator_;
  const std::string engineer_ = coordinator_.Token(v1::ENGINEER);
  std::unique_ptr<ImageStub> stub_ = v1::ImageService::NewStub(coordinator_.channel());
};

TEST_F(ImageServiceTest, WhatWasImportedComesBackByteForByte) {
  const std::vector<TestPicture> pictures = PlainPictures(20);
  const auto imported = Import(pictures);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->added(), 20U);
  EXPECT_EQ(imported->added_to_pool() + imported->added_to_holdout(), 20U);
  EXPECT_GT(imported->added_to_holdout(), 0U);
  const auto images = List();
  ASSERT_EQ(images.size(), 20U);
  for (const v1::Image& image : images) {
    EXPECT_EQ(image.width(), 40U);
    EXPECT_EQ(image.height(), 30U);
    EXPECT_EQ(image.media_type(), "image/png");
    EXPECT_EQ(image.revisions(), 0U);
    EXPECT_EQ(image.side() == v1::HOLDOUT, image.sampling_key() < 0.3) << "the side is decided by the key";
    const auto bytes = Read(image.id());
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(ToBytes(HashOf(*bytes)), image.sha256());
  }
  EXPECT_EQ(ErrorReason(Read(999).status()), "NO_SUCH_IMAGE");
}

TEST_F(ImageServiceTest, PagesAndFilters) {
  std::vector<TestPicture> pictures = PlainPictures(9);
  pictures[4].labels = Labels({});
  ASSERT_TRUE(Import(pictures).ok());
  v1::ListImagesRequest request;
  request.set_page_size(4);
  std::set<int64_t> seen;
  do {
    const auto page = Rpc(*stub_, &ImageStub::ListImages, engineer_, request);
    ASSERT_TRUE(page.ok());
    for (const v1::Image& image : page->images()) EXPECT_TRUE(seen.insert(image.id()).second);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seen.size(), 9U);
  request.set_page_size(9);
  const auto whole = Rpc(*stub_, &ImageStub::ListImages, engineer_, request);
  EXPECT_EQ(whole->images_size(), 9);
  EXPECT_EQ(whole->next_page_token(), "") << "no page follows";
  v1::ListImagesRequest labelled;
  labelled.set_labelled(true);
  const auto images = List(labelled);
  ASSERT_EQ(images.size(), 1U);
  EXPECT_EQ(images[0].file_name(), "image-4.png");
  EXPECT_EQ(images[0].revisions(), 1U);
}

TEST_F(ImageServiceTest, TheSamePictureTwiceIsOneImage) {
  std::vector<TestPicture> pictures = PlainPictures(3);
  pictures.push_back({"a copy.png", pictures[0].bytes});
  const auto first = Import(pictures);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->added(), 3U);
  EXPECT_EQ(first->known(), 1U);
  const auto second = Import(PlainPictures(3));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->added(), 0U);
  EXPECT_EQ(second->known(), 3U);
  EXPECT_EQ(List().size(), 3U);
}

TEST_F(ImageServiceTest, LabelsOfAKnownPictureAreAddedOnceAndConflictsNamed) {
  ASSERT_TRUE(Import(PlainPictures(3)).ok());
  std::vector<TestPicture> labelled = PlainPictures(3);
  labelled[0].labels = Labels({Box(1, 2, 10, 12), Box(0, 0, 5, 5, 2)});
  labelled[1].labels = Labels({});
  const auto added = Import(labelled);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->known(), 3U);
  EXPECT_EQ(added->labelled(), 2U);
  EXPECT_EQ(added->boxes(), 2U);

  labelled[0].labels = Labels({Box(0, 0, 5, 5, 2), Box(1, 2, 10, 12)});  // the same, in another order
  labelled[1].labels = Labels({Box(3, 3, 9, 9)});
  const auto again = Import(labelled);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->labelled(), 0U);
  EXPECT_THAT(again->conflicts(), ElementsAre("image-1.png"));
  EXPECT_EQ(again->conflicts_total(), 1U);
  const auto kept = Export();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].boxes_size(), 2);
  EXPECT_EQ(kept[0].boxes(0).origin(), v1::IMPORTED);
  EXPECT_EQ(kept[1].boxes_size(), 0) << "the first labels are kept";
}

TEST_F(ImageServiceTest, AnOverhangOfAPixelIsClippedAndCounted) {
  std::vector<TestPicture> pictures = PlainPictures(1);
  pictures[0].labels = Labels({Box(-1, -0.5F, 20, 20), Box(1, 1, 41, 30)});
  const auto imported = Import(pictures);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->boxes_clipped(), 2U);
  const v1::Box& box = Export()[0].boxes(0).box();
  EXPECT_EQ(box.x1(), 0);
  EXPECT_EQ(box.y1(), 0);
  EXPECT_EQ(Export()[0].boxes(1).box().x2(), 40);
}

TEST_F(ImageServiceTest, BadPicturesAreAllListedAndNothingIsChanged) {
  std::vector<TestPicture> pictures = PlainPictures(2);
  const std::string png = MakePng(40, 30, 77);
  pictures.push_back({"cut.png", png.substr(0, png.size() / 2)});
  pictures.push_back({"empty.png", ""});
  pictures.push_back({"notes.txt", "no picture"});
  pictures.push_back(
      {"huge.png",
       std::string("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xea\x60\0\0\xea\x60\x08\0\0\0\0abcd", 33)});
  const auto refused = Import(pictures);
  EXPECT_EQ(refused.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(ErrorReason(refused.status()), "BAD_PICTURE");
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("cut.png: "), HasSubstr("empty.png: "), HasSubstr("notes.txt: "),
                    HasSubstr("huge.png: the picture claims 60000 x 60000")));
  EXPECT_TRUE(List().empty());
}

TEST_F(ImageServiceTest, BadLabelsNameFileAndAnnotation) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<v1::ImportedBox, std::string>> cases = {
      {Box(0, 0, 42, 10), "annotation 7 reaches 2 pixels beyond"},
      {Box(5, 5, 5, 9), "annotation 7 has no width"},
      {Box(9, 5, 5, 9), "annotation 7 has no width"},
      {Box(nan, 0, 5, 5), "annotation 7 has a corner that is no number"},
      {Box(40, 3, 41, 5), "annotation 7 lies outside"},
      {Box(1, 1, 5, 5, 3), "annotation 7 has the class 3; classes are 1 to 2"},
      {Box(1, 1, 5, 5, 0), "annotation 7 has the class 0"}};
  for (const auto& [box, message] : cases) {
    std::vector<TestPicture> pictures = PlainPictures(2);
    pictures[1].labels = Labels({Box(0, 0, 4, 4), box});
    const auto refused = Import(pictures);
    EXPECT_EQ(ErrorReason(refused.status()), "BAD_LABELS");
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("image-1.png: " + message));
  }
  EXPECT_TRUE(List().empty());
}

TEST_F(ImageServiceTest, AtMost20ProblemsAreListed) {
  std::vector<TestPicture> pictures;
  for (int i = 0; i < 50; ++i) pictures.push_back({absl::StrCat("bad-", i), "x"});
  const std::string message(Import(pictures).status().message());
  EXPECT_THAT(message, AllOf(HasSubstr("bad-0: "), testing::Not(HasSubstr("bad-20: ")), HasSubstr("\nand ")));
}

TEST_F(ImageServiceTest, ADamagedPictureIsNeverServedWhole) {
  const std::vector<TestPicture> pictures = PlainPictures(1);
  ASSERT_TRUE(Import(pictures).ok());
  const std::string hash = ToHex(HashOf(pictures[0].bytes));
  std::string damaged = pictures[0].bytes;
  damaged[damaged.size() / 2] ^= 1;
  std::ofstream(coordinator_.blob_folder() / hash.substr(0, 2) / hash.substr(2)) << damaged;
  const absl::Status status = Read(1).status();
  EXPECT_EQ(ErrorReason(status), "DAMAGED_BLOB");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("restore it from a backup"));
}

TEST_F(ImageServiceTest, RefusesMessagesOutOfOrderAndNul) {
  std::vector<TestPicture> pictures = PlainPictures(1);
  pictures[0].file_name = std::string("a\0b.png", 7);
  EXPECT_EQ(Import(pictures).status().code(), Code::kInvalidArgument);
  pictures[0].file_name = "";
  EXPECT_EQ(Import(pictures).status().code(), Code::kInvalidArgument);
  const auto context = NewContext(engineer_);
  v1::ImportResponse response;
  const auto writer = stub_->Import(context.get(), &response);
  v1::ImportRequest chunk;
  chunk.set_chunk("bytes");
  writer->Write(chunk);
  writer->WritesDone();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(List().empty());
}

TEST_F(ImageServiceTest, AStreamThatBreaksOffLeavesNothing) {
  auto context = NewContext(engineer_);
  v1::ImportResponse response;
  const auto writer = stub_->Import(context.get(), &response);
  v1::ImportRequest message;
  message.mutable_start()->set_request_id(NextRequestId());
  writer->Write(message);
  const std::string png = MakePng(40, 30, 1);
  message.mutable_picture()->set_file_name("whole.png");
  message.mutable_picture()->set_size_bytes(png.size());
  writer->Write(message);
  message.set_chunk(png);
  writer->Write(message);
  context->TryCancel();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(List().empty());
}

TEST_F(ImageServiceTest, ImagesOfAGroupShareASide) {
  std::vector<TestPicture> pictures = PlainPictures(60);
  for (size_t i = 0; i < pictures.size(); ++i) pictures[i].group = absl::StrCat("part ", i / 3);
  ASSERT_TRUE(Import(pictures).ok());
  std::map<std::string, std::set<v1::Side>> sides;
  std::set<v1::Side> all;
  for (const v1::Image& image : List()) {
    sides[image.group()].insert(image.side());
    all.insert(image.side());
  }
  EXPECT_EQ(sides.size(), 20U);
  for (const auto& [group, of_group] : sides) EXPECT_EQ(of_group.size(), 1U) << group;
  EXPECT_EQ(all.size(), 2U);
}

TEST_F(ImageServiceTest, ARepeatedStreamHasItsEffectOnce) {
  v1::ImportStart start;
  start.set_request_id("again");
  const auto first = ImportPictures(coordinator_.channel(), engineer_, start, PlainPictures(3));
  const auto second = ImportPictures(coordinator_.channel(), engineer_, start, PlainPictures(3), 100);
  ASSERT_TRUE(first.ok() && second.ok()) << second.status();
  EXPECT_EQ(second->added(), 3U) << "the first response";
  const auto other = ImportPictures(coordinator_.channel(), engineer_, start, PlainPictures(4));
  EXPECT_EQ(ErrorReason(other.status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(List().size(), 3U);
}

}  // namespace
}  // namespace loupe
