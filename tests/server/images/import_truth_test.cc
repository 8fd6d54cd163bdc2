// Imports over labels that are there, streams that end otherwise than with their end, and images that are not
// used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"
#include "tests/support/pictures.h"

namespace loupe {
namespace {

using testing::HasSubstr;
using Code = absl::StatusCode;
using ImageStub = v1::ImageService::Stub;

v1::ImportedLabels OneBox(float x1, float y1, float x2, float y2) {
  v1::ImportedLabels labels;
  v1::ImportedBox& box = *labels.add_boxes();
  box.mutable_box()->set_x1(x1);
  box.mutable_box()->set_y1(y1);
  box.mutable_box()->set_x2(x2);
  box.mutable_box()->set_y2(y2);
  box.set_label(1);
  return labels;
}

class ImportTruthTest : public LabelingTest {
 protected:
  explicit ImportTruthTest(double holdout_fraction = 0) : LabelingTest(1, holdout_fraction) {}

  absl::StatusOr<v1::ImportResponse> Import(const std::vector<TestPicture>& pictures, bool blind = false,
                                            bool replace = false) {
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    start.set_blind(blind);
    start.set_replace(replace);
    return ImportPictures(coordinator_.channel(), engineer_, start, pictures);
  }

  // Sends messages as they are, and the half-close.
  absl::Status Send(const std::vector<v1::ImportRequest>& messages) {
    const auto context = NewContext(engineer_);
    v1::ImportResponse response;
    const auto writer = images_->Import(context.get(), &response);
    bool open = true;
    for (const v1::ImportRequest& message : messages) open = open && writer->Write(message);
    writer->WritesDone();
    return FromGrpc(writer->Finish());
  }

  std::vector<v1::ImportRequest> Stream(const std::vector<std::string>& names) {
    std::vector<v1::ImportRequest> messages(1);
    messages[0].mutable_start()->set_request_id(NextRequestId());
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string png = MakePng(40, 30, static_cast<uint32_t>(i));
      messages.emplace_back().mutable_picture()->set_file_name(names[i]);
      messages.back().mutable_picture()->set_size_bytes(png.size());
      messages.emplace_back().set_chunk(png);
    }
    messages.emplace_back().mutable_end()->set_pictures(names.size());
    return messages;
  }

  int64_t Images() { return Number("SELECT count(*) FROM image"); }

  const std::unique_ptr<ImageStub> images_ = v1::ImageService::NewStub(coordinator_.channel());
};

TEST_F(ImportTruthTest, AStreamWithoutItsEndLeavesNothing) {
  std::vector<v1::ImportRequest> messages = Stream({"a.png", "b.png"});
  messages.pop_back();
  EXPECT_EQ(Send(messages).code(), Code::kCancelled);
  EXPECT_EQ(Images(), 0);
}

// A message that can't be parsed ends the stream for the coordinator: the rest is dropped without an error.
TEST_F(ImportTruthTest, AMessageThatIsNoUtf8LeavesNothing) {
  EXPECT_FALSE(Send(Stream({"a.png",
                            "Pr\xfc"
                            "f.png",
                            "c.png"}))
                   .ok());
  EXPECT_EQ(Images(), 0);
  std::vector<v1::ImportRequest> cut = Stream({"a.png", "b.png"});
  cut[3].mutable_picture()->set_group("Pr\xc3");
  EXPECT_FALSE(Send(cut).ok());
  EXPECT_EQ(Images(), 0);
}

TEST_F(ImportTruthTest, ARefusedImportLeavesNoPictureOfItsOwn) {
  const auto blobs = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(coordinator_.blob_folder())) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  };
  ASSERT_TRUE(Import(PlainPictures(1)).ok());
  ASSERT_EQ(blobs(), 1);
  std::vector<TestPicture> pictures = PlainPictures(3);
  pictures[2].bytes = "no picture";
  EXPECT_EQ(ErrorReason(Import(pictures).status()), "BAD_PICTURE");
  EXPECT_EQ(blobs(), 1) << "what another import brought stays";
  pictures.pop_back();
  EXPECT_TRUE(Import(pictures).ok());
  EXPECT_EQ(blobs(), 2);
}

TEST_F(ImportTruthTest, AnEndThatTellsOfOtherPicturesIsRefused) {
  std::vector<v1::ImportRequest> messages = Stream({"a.png", "b.png"});
  messages.back().mutable_end()->set_pictures(3);
  EXPECT_EQ(Send(messages).code(), Code::kInvalidArgument);
  messages = Stream({"a.png"});
  messages.push_back(messages[1]);
  EXPECT_EQ(Send(messages).code(), Code::kInvalidArgument) << "a picture came after the end";
  EXPECT_EQ(Images(), 0);
}

TEST_F(ImportTruthTest, ControlCharactersInNamesAreRefused) {
  for (const char* name : {"a\x1b[2J.png", "a\nb.png", "a\xc2\x9b.png"}) {
    EXPECT_EQ(Send(Stream({name})).code(), Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(Images(), 0);
}

TEST_F(ImportTruthTest, AnnotationsForAnotherSizeAreRefusedAndBothSizesNamed) {
  std::vector<v1::ImportRequest> messages = Stream({"a.png"});
  messages[1].mutable_picture()->set_annotated_width(30);
  messages[1].mutable_picture()->set_annotated_height(40);
  const absl::Status refused = Send(messages);
  EXPECT_EQ(ErrorReason(refused), "BAD_LABELS");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("a.png: its annotations are for 30 x 40 pixels"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("40 x 30"));
  EXPECT_EQ(Images(), 0);
}

TEST_F(ImportTruthTest, LabelsAreReplacedOnlyWhereTheImportAsksForIt) {
  std::vector<TestPicture> pictures = PlainPictures(2);
  pictures[0].labels = OneBox(1, 1, 9, 9);
  ASSERT_TRUE(Import(pictures).ok());
  pictures[0].labels = OneBox(2, 2, 9, 9);
  EXPECT_EQ(Import(pictures)->conflicts_total(), 1U);
  const auto replaced = Import(pictures, /*blind=*/false, /*replace=*/true);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(replaced->replaced(), 1U);
  EXPECT_EQ(replaced->conflicts_total(), 0U);
  const v1::ImageProvenance history = Provenance(1);
  ASSERT_EQ(history.revisions_size(), 2);
  EXPECT_EQ(history.revisions(1).boxes(0).box().x1(), 2);
  EXPECT_EQ(history.revisions(1).based_on(), 1U);
  EXPECT_EQ(Import(pictures, false, true)->replaced(), 0U) << "they are the same";
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(ImportTruthTest, APersonsCorrectionStaysUnlessTheImportAsksForIt) {
  ASSERT_TRUE(Import(PlainPictures(1)).ok());
  v1::SubmitRequest correction = CorrectionOf(NextOne(annotator_));
  AddBox(correction, 3, 3, 9, 9);
  ASSERT_TRUE(Submit(annotator_, correction).ok());
  std::vector<TestPicture> pictures = PlainPictures(1);
  pictures[0].labels = OneBox(1, 1, 9, 9);
  EXPECT_EQ(Import(pictures)->conflicts_total(), 1U);
  EXPECT_EQ(Provenance(1).revisions_size(), 1);
  EXPECT_EQ(Import(pictures, false, true)->replaced(), 1U);
  EXPECT_EQ(Provenance(1).revisions(1).source(), "import");
}

TEST_F(ImportTruthTest, TheSameBoxTwiceIsKeptOnceAndCounted) {
  std::vector<TestPicture> pictures = PlainPictures(1);
  pictures[0].labels = OneBox(1, 1, 9, 9);
  *pictures[0].labels->add_boxes() = pictures[0].labels->boxes(0);
  const auto imported = Import(pictures);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->boxes(), 1U);
  EXPECT_EQ(imported->boxes_repeated(), 1U);
}

TEST_F(ImportTruthTest, BadPicturesAreLeftOutWhereTheImportAsksForIt) {
  std::vector<TestPicture> pictures = PlainPictures(3);
  pictures[0].bytes.resize(pictures[0].bytes.size() / 2);
  pictures[1].labels = OneBox(1, 1, 90, 9);
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  start.set_skip_bad(true);
  const auto imported = ImportPictures(coordinator_.channel(), engineer_, start, pictures);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->added(), 1U);
  EXPECT_EQ(imported->skipped_total(), 2U);
  EXPECT_THAT(imported->skipped(0), HasSubstr("image-0.png: "));
  EXPECT_THAT(imported->skipped(1), HasSubstr("image-1.png: annotation 0 reaches"));
  EXPECT_EQ(Images(), 1);
}

TEST_F(ImportTruthTest, AnExcludedImageIsNotUsedAndComesBack) {
  ASSERT_TRUE(Import(PlainPictures(2)).ok());
  v1::ExcludeImageRequest exclude;
  exclude.set_request_id(NextRequestId());
  exclude.set_file_name("image-0.png");
  EXPECT_EQ(Rpc(*images_, &ImageStub::ExcludeImage, engineer_, exclude).status().code(),
            Code::kInvalidArgument)
      << "without a reason";
  exclude.set_reason("another line's part");
  const auto excluded = Rpc(*images_, &ImageStub::ExcludeImage, engineer_, exclude);
  ASSERT_TRUE(excluded.ok()) << excluded.status();
  EXPECT_EQ(excluded->state(), v1::EXCLUDED);
  EXPECT_EQ(excluded->state_reason(), "another line's part");
  EXPECT_EQ(Status().pool_images(), 1U);
  EXPECT_EQ(Status().images_excluded(), 1U);
  EXPECT_EQ(Rpc(*stub_, &Labeling::ListQueue, engineer_, v1::ListQueueRequest())->entries_size(), 1);
  // As the coordinator does from time to time: the queue goes past images that nobody is to be given.
  coordinator_.database().Sql("UPDATE ranking SET first_open = first_open_position(id, first_open)");
  EXPECT_EQ(Next(annotator_, 2)->size(), 1U);
  coordinator_.database().Sql("UPDATE ranking SET first_open = first_open_position(id, first_open)");
  v1::RestoreImageRequest restore;
  restore.set_request_id(NextRequestId());
  restore.set_image_id(excluded->id());
  EXPECT_EQ(Rpc(*images_, &ImageStub::RestoreImage, engineer_, restore)->state(), v1::USABLE);
  EXPECT_EQ(Next(annotator_, 2)->size(), 1U) << "at its place";
}

TEST_F(ImportTruthTest, APictureThatWasSetAsideCanBeExcludedAndBothComeBack) {
  ASSERT_TRUE(Import(PlainPictures(1)).ok());
  const auto set_aside = [this] {
    coordinator_.database().Sql("UPDATE image SET state = 'set_aside', state_reason = 'cut' WHERE id = 1");
  };
  const auto restored = [this] {
    v1::RestoreImageRequest restore;
    restore.set_request_id(NextRequestId());
    restore.set_image_id(1);
    return Rpc(*images_, &ImageStub::RestoreImage, engineer_, restore)->state();
  };
  set_aside();
  EXPECT_EQ(Next(annotator_, 1)->size(), 0U);
  EXPECT_EQ(Status().images_set_aside(), 1U);
  EXPECT_EQ(restored(), v1::USABLE);
  set_aside();
  v1::ExcludeImageRequest exclude;
  exclude.set_request_id(NextRequestId());
  exclude.set_image_id(1);
  exclude.set_reason("another line's part");
  EXPECT_EQ(Rpc(*images_, &ImageStub::ExcludeImage, engineer_, exclude)->state(), v1::EXCLUDED);
  EXPECT_EQ(restored(), v1::USABLE);
  EXPECT_EQ(Next(annotator_, 1)->size(), 1U);
}

TEST_F(ImportTruthTest, ARemovedImageLeavesItsHistoryAloneAndIsRefusedAfterwards) {
  std::vector<TestPicture> pictures = PlainPictures(2);
  pictures[0].labels = OneBox(1, 1, 9, 9);
  pictures[0].group = "part 7";
  ASSERT_TRUE(Import(pictures).ok());
  coordinator_.database().Sql(
      "INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes) "
      "VALUES (1, 1, 'round-1', 'small', 'serving', sha256('weights'), 7); "
      "INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, "
      "runner_up_scores, "
      "background_scores, agreements, embedding, max_foreground_score) "
      "SELECT 1, id, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '', 0.1 FROM image");
  const std::string hash = ToHex(HashOf(pictures[0].bytes));
  const std::filesystem::path blob = coordinator_.blob_folder() / hash.substr(0, 2) / hash.substr(2);
  ASSERT_TRUE(std::filesystem::exists(blob));
  v1::RemoveImageRequest remove;
  remove.set_request_id(NextRequestId());
  remove.set_image_id(1);
  remove.set_reason("a person is in the picture");
  const auto removed = Rpc(*images_, &ImageStub::RemoveImage, engineer_, remove);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->state(), v1::REMOVED);
  EXPECT_EQ(removed->file_name(), "");
  EXPECT_EQ(removed->group(), "");
  EXPECT_FALSE(std::filesystem::exists(blob));
  EXPECT_EQ(Number("SELECT count(*) FROM prediction WHERE image_id = 1"), 0);
  EXPECT_EQ(Provenance(1).revisions_size(), 1) << "the chain covers it";
  EXPECT_EQ(Verify().breaks_total(), 0U);
  EXPECT_EQ(Status().images_removed(), 1U);
  EXPECT_EQ(Status().class_counts(0).boxes(), 0U);
  const absl::Status again = Import(pictures).status();
  EXPECT_EQ(ErrorReason(again), "REMOVED_PICTURE");
  EXPECT_THAT(std::string(again.message()), HasSubstr("image-0.png"));
  v1::ImportStart skip_bad;
  skip_bad.set_request_id(NextRequestId());
  skip_bad.set_skip_bad(true);
  const auto left_out = ImportPictures(coordinator_.channel(), engineer_, skip_bad, pictures);
  ASSERT_TRUE(left_out.ok()) << left_out.status();
  EXPECT_EQ(left_out->known(), 1U);
  EXPECT_EQ(left_out->skipped_total(), 1U);
  EXPECT_THAT(left_out->skipped(0), HasSubstr("image-0.png: it was removed"));
  EXPECT_FALSE(std::filesystem::exists(blob)) << "it didn't come back with the import";
  v1::RestoreImageRequest restore;
  restore.set_request_id(NextRequestId());
  restore.set_image_id(1);
  EXPECT_EQ(ErrorReason(Rpc(*images_, &ImageStub::RestoreImage, engineer_, restore).status()),
            "IMAGE_REMOVED");
  remove.set_request_id(NextRequestId());
  EXPECT_TRUE(Rpc(*images_, &ImageStub::RemoveImage, engineer_, remove).ok()) << "twice does no harm";
}

TEST_F(ImportTruthTest, APictureThatAnotherProjectHasStaysThere) {
  ASSERT_TRUE(Import(PlainPictures(1)).ok());
  MakeProject(coordinator_.channel(), engineer_, "others", 0);
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  start.set_project("others");
  ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, PlainPictures(1)).ok());
  v1::RemoveImageRequest remove;
  remove.set_request_id(NextRequestId());
  remove.set_project("others");
  remove.set_file_name("image-0.png");
  remove.set_reason("not ours");
  ASSERT_TRUE(Rpc(*images_, &ImageStub::RemoveImage, engineer_, remove).ok());
  const std::string hash = ToHex(HashOf(PlainPictures(1)[0].bytes));
  EXPECT_TRUE(std::filesystem::exists(coordinator_.blob_folder() / hash.substr(0, 2) / hash.substr(2)));
}

TEST_F(ImportTruthTest, TwoImagesOfANameAreToldApart) {
  std::vector<TestPicture> pictures = PlainPictures(2);
  pictures[1].file_name = pictures[0].file_name;
  ASSERT_TRUE(Import(pictures).ok());
  v1::ExcludeImageRequest exclude;
  exclude.set_request_id(NextRequestId());
  exclude.set_file_name(pictures[0].file_name);
  exclude.set_reason("which?");
  const absl::Status refused = Rpc(*images_, &ImageStub::ExcludeImage, engineer_, exclude).status();
  EXPECT_EQ(ErrorReason(refused), "AMBIGUOUS_NAME");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("(1, 2)"));
}

class HoldoutImportTest : public ImportTruthTest {
 protected:
  HoldoutImportTest() : ImportTruthTest(0.5) {}

  std::vector<TestPicture> Labelled(uint32_t count) {
    std::vector<TestPicture> pictures = PlainPictures(count);
    for (TestPicture& picture : pictures) picture.labels = OneBox(1, 1, 9, 9);
    return pictures;
  }
};

TEST_F(HoldoutImportTest, LabelsThatFallToTheHoldoutAreToldOfAndDeclaredBlindLater) {
  const auto imported = Import(Labelled(20));
  ASSERT_TRUE(imported.ok()) << imported.status();
  const auto holdout = static_cast<uint64_t>(Number("SELECT count(*) FROM image WHERE side = 'holdout'"));
  ASSERT_GT(holdout, 0U);
  EXPECT_EQ(imported->holdout_not_blind(), holdout);
  EXPECT_EQ(Status().holdout_labelled(), 0U);
  EXPECT_EQ(Status().holdout_not_blind(), holdout);
  const auto declared = Import(Labelled(20), /*blind=*/true);
  ASSERT_TRUE(declared.ok()) << declared.status();
  EXPECT_EQ(declared->declared_blind(), 20U);
  EXPECT_EQ(declared->holdout_not_blind(), 0U);
  EXPECT_EQ(Status().holdout_labelled(), holdout);
  EXPECT_EQ(Status().holdout_not_blind(), 0U);
  EXPECT_TRUE(Status().holdout_is_random_sample()) << "all of it is labelled";
  EXPECT_EQ(Import(Labelled(20), true)->declared_blind(), 0U);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(HoldoutImportTest, TheSampleIsRandomAgainOnceWhatCameOutOfOrderIsAPrefix) {
  ASSERT_TRUE(Import(PlainPictures(20)).ok());
  const std::string last = coordinator_.database()
                               .Sql(
                                   "SELECT file_name FROM image WHERE side = 'holdout' "
                                   "ORDER BY sampling_key DESC LIMIT 1")[0][0]
                               .as<std::string>();
  for (const TestPicture& picture : Labelled(20)) {
    if (picture.file_name != last) continue;
    ASSERT_TRUE(Import({picture}, /*blind=*/true).ok());
  }
  EXPECT_FALSE(Status().holdout_is_random_sample());
  ASSERT_TRUE(Import(Labelled(20), /*blind=*/true).ok());
  EXPECT_TRUE(Status().holdout_is_random_sample());
}

TEST_F(HoldoutImportTest, AKnownPictureKeepsItsGroupAndTheImportSaysSo) {
  ASSERT_TRUE(Import(PlainPictures(3)).ok());
  std::vector<TestPicture> grouped = PlainPictures(3);
  for (TestPicture& picture : grouped) picture.group = "one";
  EXPECT_EQ(Import(grouped)->groups_kept(), 3U);
  EXPECT_EQ(Import(PlainPictures(3))->groups_kept(), 0U) << "no group was given";
}

}  // namespace
}  // namespace loupe
