#include "server/images/upload_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "content/sha256.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/storage.grpc.pb.h"
#include "proto/error_info.h"
#include "server/storage/uploads_erasure.h"
#include "tests/support/coordinator.h"
#include "tests/support/pictures.h"

namespace loupe {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using UploadStub = v1::UploadService::Stub;

constexpr size_t kMiB = 1 << 20;

std::string HashBytes(const std::string& bytes) { return ToBytes(HashOf(bytes)); }

v1::UploadPartRequest PartRequest(const std::string& file, size_t offset) {
  v1::UploadPartRequest request;
  request.set_sha256(HashBytes(file));
  request.set_size_bytes(file.size());
  request.set_offset(offset);
  request.set_data(file.substr(offset, kMiB));
  return request;
}

// A picture of several parts: bytes behind its end are allowed.
std::string LargePicture(uint32_t number, size_t bytes) {
  std::string picture = MakePng(40, 30, number);
  picture.resize(bytes, static_cast<char>('a' + number));
  return picture;
}

class UploadServiceTest : public testing::Test {
 protected:
  UploadServiceTest() { MakeProject(coordinator_.channel(), engineer_, "parts", 0); }

  absl::StatusOr<v1::UploadState> Send(const v1::UploadPartRequest& request, const std::string& token) {
    const auto response = Rpc(*stub_, &UploadStub::UploadPart, token, request);
    if (!response.ok()) return response.status();
    return response->file();
  }
  absl::StatusOr<v1::UploadState> Send(const v1::UploadPartRequest& request) {
    return Send(request, engineer_);
  }

  // Sends a whole file and returns its hash.
  std::string Upload(const std::string& file) {
    for (size_t offset = 0; offset == 0 || offset < file.size(); offset += kMiB) {
      const auto sent = Send(PartRequest(file, offset));
      EXPECT_TRUE(sent.ok()) << sent.status();
    }
    return HashBytes(file);
  }

  v1::UploadState Find(const std::string& file, const std::string& token) {
    v1::FindUploadsRequest request;
    request.add_sha256(HashBytes(file));
    const auto found = Rpc(*stub_, &UploadStub::FindUploads, token, request);
    EXPECT_TRUE(found.ok()) << found.status();
    return found->files(0);
  }
  v1::UploadState Find(const std::string& file) { return Find(file, engineer_); }

  v1::ImportUploadsRequest Request() {
    v1::ImportUploadsRequest request;
    request.set_request_id(NextRequestId());
    return request;
  }

  static void Add(v1::ImportUploadsRequest& request, const std::string& path, const std::string& sha256) {
    v1::UploadedPicture& picture = *request.add_pictures();
    picture.set_path(path);
    picture.set_sha256(sha256);
  }

  absl::StatusOr<v1::ImportUploadsResponse> Import(const v1::ImportUploadsRequest& request) {
    const auto context = NewContext(engineer_);
    const auto reader = stub_->ImportUploads(context.get(), request);
    v1::ImportUploadsResponse last;
    for (v1::ImportUploadsResponse part; reader->Read(&part);) last = part;
    const absl::Status status = FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return last;
  }

  size_t BlobFiles() {
    size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(coordinator_.blob_folder())) {
      count += static_cast<size_t>(entry.is_regular_file());
    }
    return count;
  }

  std::filesystem::path PathOf(const std::string& sha256) {
    const std::string hex = ToHex(*FromBytes(sha256));
    return coordinator_.blob_folder() / hex.substr(0, 2) / hex.substr(2);
  }

  int64_t Number(const std::string& sql) { return coordinator_.database().Sql(sql)[0][0].as<int64_t>(); }

  TestCoordinator coordinator_;
  const std::string engineer_ = coordinator_.Token(v1::ENGINEER);
  std::unique_ptr<UploadStub> stub_ = v1::UploadService::NewStub(coordinator_.channel());
};

TEST_F(UploadServiceTest, AFileOfSeveralPartsIsTakenUpWhereItBrokeOff) {
  const std::string file = LargePicture(1, 2 * kMiB + 7);
  EXPECT_EQ(Send(PartRequest(file, 0))->received_bytes(), kMiB);
  EXPECT_EQ(ErrorReason(Send(PartRequest(file, 2 * kMiB)).status()), "PART_MISSING");
  EXPECT_EQ(Find(file).received_bytes(), kMiB);
  EXPECT_FALSE(Find(file).is_complete());
  EXPECT_EQ(Send(PartRequest(file, 0))->received_bytes(), kMiB) << "what has come is passed over";
  EXPECT_FALSE(Send(PartRequest(file, kMiB))->is_complete());
  const auto last = Send(PartRequest(file, 2 * kMiB));
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_TRUE(last->is_complete());
  EXPECT_EQ(last->received_bytes(), file.size());
  EXPECT_TRUE(Send(PartRequest(file, kMiB))->is_complete());
  EXPECT_EQ(BlobFiles(), 1U) << "the parts are gone";
  EXPECT_EQ(Number("SELECT bytes FROM upload"), static_cast<int64_t>(file.size()));

  v1::ImportUploadsRequest request = Request();
  Add(request, "line/large.png", HashBytes(file));
  const auto imported = Import(request);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->result().added(), 1U);
  EXPECT_EQ(Number("SELECT count(*) FROM upload_part"), 0);
  EXPECT_EQ(Number("SELECT files + bytes FROM upload"), 0);
  EXPECT_EQ(coordinator_.database().Sql("SELECT file_name FROM image")[0][0].as<std::string>(),
            "line/large.png");
  EXPECT_EQ(BlobFiles(), 1U);
  EXPECT_TRUE(Find(file).is_complete()) << "the project has it: nobody need send it again";
}

TEST_F(UploadServiceTest, WhatIsNotTheFileIsRefusedAndLeavesNothing) {
  v1::UploadPartRequest wrong = PartRequest("some bytes", 0);
  wrong.set_data("same bytes");
  EXPECT_EQ(ErrorReason(Send(wrong).status()), "WRONG_HASH");
  const std::string file = LargePicture(2, kMiB + 9);
  ASSERT_TRUE(Send(PartRequest(file, 0)).ok());
  wrong = PartRequest(file, kMiB);
  wrong.mutable_data()->back() = '!';
  EXPECT_EQ(ErrorReason(Send(wrong).status()), "WRONG_HASH");
  EXPECT_EQ(Find(file).received_bytes(), 0U) << "it is to be sent from its beginning";

  v1::UploadPartRequest bad = PartRequest(file, 0);
  bad.set_sha256("short");
  EXPECT_THAT(std::string(Send(bad).status().message()), HasSubstr("32 bytes"));
  bad = PartRequest(file, 0);
  bad.set_size_bytes((uint64_t{256} << 20) + 1);
  EXPECT_THAT(std::string(Send(bad).status().message()), HasSubstr("256 MiB"));
  for (const uint64_t offset : {uint64_t{1}, 2 * kMiB, ~uint64_t{0} - kMiB + 1}) {
    bad = PartRequest(file, 0);
    bad.set_offset(offset);
    EXPECT_THAT(std::string(Send(bad).status().message()), HasSubstr("offset")) << offset;
  }
  bad = PartRequest(file, 0);
  bad.mutable_data()->push_back('+');
  EXPECT_THAT(std::string(Send(bad).status().message()), HasSubstr("data"));
  EXPECT_EQ(BlobFiles(), 0U);
  EXPECT_EQ(Number("SELECT count(*) FROM upload_part"), 0);
  EXPECT_EQ(Number("SELECT files + bytes FROM upload"), 0);
}

TEST_F(UploadServiceTest, NobodySeesOrImportsWhatAnotherPersonHasSent) {
  const std::string file = MakePng(40, 30, 3);
  Upload(file);
  const std::string other = coordinator_.Token(v1::ENGINEER);
  EXPECT_EQ(Find(file, other).received_bytes(), 0U);
  v1::ImportUploadsRequest request = Request();
  Add(request, "a.png", HashBytes(file));
  const auto context = NewContext(other);
  const auto reader = stub_->ImportUploads(context.get(), request);
  v1::ImportUploadsResponse ignored;
  while (reader->Read(&ignored)) continue;
  EXPECT_EQ(ErrorReason(FromGrpc(reader->Finish())), "NOT_UPLOADED");
  EXPECT_EQ(Rpc(*stub_, &UploadStub::DropUploads, other, v1::DropUploadsRequest())->files(), 0U);
  EXPECT_TRUE(Find(file).is_complete());
  for (const v1::Role role : {v1::ANNOTATOR, v1::VIEWER, v1::WORKER}) {
    EXPECT_EQ(ErrorReason(Send(PartRequest(file, 0), coordinator_.Token(role)).status()), "WRONG_ROLE");
  }
  EXPECT_EQ(Rpc(*stub_, &UploadStub::DropUploads, engineer_, v1::DropUploadsRequest())->files(), 1U);
  EXPECT_FALSE(Find(file).is_complete());
  EXPECT_EQ(BlobFiles(), 0U);
}

TEST_F(UploadServiceTest, PicturesGetTheLabelsOfACocoFile) {
  const std::string coco = R"({
    "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30},
               {"id": 2, "file_name": "images/b.png"}],
    "categories": [{"id": 7, "name": "scratch"}],
    "annotations": [{"id": 9, "image_id": 1, "category_id": 7, "bbox": [1, 2, 10, 12]}]})";
  v1::ImportUploadsRequest request = Request();
  request.set_coco_sha256(Upload(coco));
  EXPECT_THAT(std::string(Import(request).status().message()), HasSubstr("pictures"));
  Add(request, "train/images/b.png", "");
  Add(request, "train/c.png", "");
  Add(request, "train/images/a.png", "");
  EXPECT_THAT(std::string(Import(request).status().message()), HasSubstr("labelled"));
  request.set_labelled(v1::LABELLED_WITH_BOXES);
  request.set_dry_run(true);
  const auto planned = Import(request);
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->plan().pictures(), 2U);
  EXPECT_EQ(planned->plan().labelled(), 1U);
  EXPECT_EQ(planned->plan().boxes(), 1U);
  EXPECT_THAT(planned->plan().left_out(), ElementsAre(1U));
  EXPECT_EQ(Number("SELECT count(*) FROM image"), 0);

  request.set_dry_run(false);
  const std::string a = MakePng(40, 30, 4), b = MakePng(40, 30, 5);
  request.mutable_pictures(0)->set_sha256(Upload(b));
  request.mutable_pictures(1)->set_sha256(HashBytes("never sent"));
  request.mutable_pictures(2)->set_sha256(Upload(a));
  request.set_blind(true);
  const auto imported = Import(request);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->result().added(), 2U);
  EXPECT_EQ(imported->result().labelled(), 1U);
  EXPECT_EQ(Number("SELECT label FROM label_box"), 2) << "scratch is the project's second class";
  EXPECT_EQ(BlobFiles(), 2U) << "the COCO file is gone";
  const auto again = Import(request);
  ASSERT_TRUE(again.ok()) << "the same request gets the same answer: " << again.status();
  EXPECT_EQ(again->result().SerializeAsString(), imported->result().SerializeAsString());
}

TEST_F(UploadServiceTest, ProblemsOfACocoFileAreListedAndNothingIsImported) {
  const std::string coco = R"({
    "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "gone.png"},
               {"id": 3, "file_name": "x/a.png"}],
    "categories": [{"id": 1, "name": "hole"}],
    "annotations": [{"id": 9, "image_id": 3, "category_id": 1, "bbox": [1, 2, 10, 12]}]})";
  v1::ImportUploadsRequest request = Request();
  request.set_coco_sha256(Upload(coco));
  request.set_labelled(v1::LABELLED_ALL);
  request.set_dry_run(true);
  Add(request, "x/a.png", "");
  Add(request, "y/a.png", "");
  const absl::Status refused = Import(request).status();
  EXPECT_EQ(ErrorReason(refused), "BAD_COCO");
  EXPECT_THAT(
      std::string(refused.message()),
      AllOf(HasSubstr("image 1: \"a.png\" may be x/a.png or y/a.png"),
            HasSubstr("image 2: no picture \"gone.png\" was chosen"),
            HasSubstr("category \"hole\" (1 box) is no class of the project, which has: dent, scratch")));
  request.set_coco_sha256(Upload("{\"images\": [}"));
  EXPECT_EQ(ErrorReason(Import(request).status()), "BAD_COCO");
  request.set_coco_sha256(HashBytes("never sent"));
  EXPECT_EQ(ErrorReason(Import(request).status()), "NOT_UPLOADED");
  for (const char* path : {"", "/etc/passwd", "a/../../b.png"}) {
    request.mutable_pictures(0)->set_path(path);
    EXPECT_THAT(std::string(Import(request).status().message()), HasSubstr("path must")) << path;
  }
  request.mutable_pictures(0)->set_path("y/a.png");
  EXPECT_THAT(std::string(Import(request).status().message()), HasSubstr("there twice"));
}

TEST_F(UploadServiceTest, ABadPictureIsNamedAndCanBeLeftOut) {
  v1::ImportUploadsRequest request = Request();
  Add(request, "good.png", Upload(MakePng(40, 30, 6)));
  Add(request, "bad.png", Upload("no picture"));
  Add(request, "the same.png", HashBytes(MakePng(40, 30, 6)));
  const absl::Status refused = Import(request).status();
  EXPECT_EQ(ErrorReason(refused), "BAD_PICTURE");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("bad.png: "));
  EXPECT_EQ(Number("SELECT count(*) FROM image"), 0);
  EXPECT_EQ(Number("SELECT files FROM upload"), 2) << "after an error everything still waits";
  request.set_request_id(NextRequestId());
  request.set_skip_bad(true);
  const auto imported = Import(request);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->result().added(), 1U);
  EXPECT_EQ(imported->result().known(), 1U);
  EXPECT_EQ(imported->result().skipped_total(), 1U);
  EXPECT_EQ(BlobFiles(), 1U);
}

TEST_F(UploadServiceTest, AFileThatIsCutShortOnTheDiskIsAskedForAgain) {
  const std::string file = MakePng(40, 30, 7);
  v1::ImportUploadsRequest request = Request();
  Add(request, "a.png", Upload(file));
  std::filesystem::resize_file(PathOf(HashBytes(file)), 20);  // as a power failure may leave it
  EXPECT_EQ(ErrorReason(Import(request).status()), "NOT_UPLOADED");
  EXPECT_FALSE(Find(file).is_complete());
  Upload(file);
  EXPECT_TRUE(Import(request).ok());
}

TEST_F(UploadServiceTest, WhatWaitsForADayIsDeletedAndUntilThenKept) {
  const std::string file = MakePng(40, 30, 8);
  Upload(file);
  const std::string admin = coordinator_.Token(v1::ADMIN);
  const auto storage = v1::StorageService::NewStub(coordinator_.channel());
  const auto counted = Rpc(*storage, &v1::StorageService::Stub::GetStorage, admin, v1::GetStorageRequest());
  ASSERT_TRUE(counted.ok()) << counted.status();
  EXPECT_EQ(counted->uploads().blobs(), 1U);
  EXPECT_EQ(counted->uploads().bytes(), file.size());
  const auto blobs = BlobStore::Open(coordinator_.blob_folder());
  Database& database = coordinator_.server().database();
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  coordinator_.database().Sql("UPDATE upload SET used_at = now() - interval '23 hours'");
  EXPECT_EQ(EraseUploads(database, *blobs, PrincipalId(), deadline).value(), 0U);
  EXPECT_EQ(BlobFiles(), 1U);
  coordinator_.database().Sql("UPDATE upload SET used_at = now() - interval '25 hours'");
  EXPECT_EQ(EraseUploads(database, *blobs, PrincipalId(), deadline).value(), 1U);
  EXPECT_EQ(BlobFiles(), 0U);
}

TEST_F(UploadServiceTest, ARemovedPictureIsNoUploadEither) {
  const std::string file = MakePng(40, 30, 9);
  v1::ImportUploadsRequest request = Request();
  Add(request, "a.png", Upload(file));
  ASSERT_TRUE(Import(request).ok());
  Upload(file);
  Upload(MakePng(40, 30, 10));
  v1::RemoveImageRequest removal;
  removal.set_request_id(NextRequestId());
  removal.set_image_id(Number("SELECT id FROM image"));
  removal.set_reason("shows a person");
  const auto images = v1::ImageService::NewStub(coordinator_.channel());
  const auto removed =
      Rpc(*images, &v1::ImageService::Stub::RemoveImage, coordinator_.Token(v1::ADMIN), removal);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_FALSE(std::filesystem::exists(PathOf(HashBytes(file))));
  EXPECT_EQ(Find(file).received_bytes(), 0U);
  EXPECT_EQ(Number("SELECT files FROM upload"), 1);
  EXPECT_EQ(Number("SELECT bytes FROM upload"), static_cast<int64_t>(MakePng(40, 30, 10).size()));
}

TEST_F(UploadServiceTest, APersonsFilesAreBounded) {
  Upload("first");
  coordinator_.database().Sql("UPDATE upload SET files = 100000");
  EXPECT_EQ(ErrorReason(Send(PartRequest("one more", 0)).status()), "TOO_MANY_UPLOADS");
  coordinator_.database().Sql("UPDATE upload SET files = 1, bytes = 100::bigint << 30");
  EXPECT_EQ(ErrorReason(Send(PartRequest("one more", 0)).status()), "TOO_MANY_UPLOADS");
  EXPECT_EQ(BlobFiles(), 1U);
}

// Two tabs send the same files: every part is stored once, and the counts are right.
TEST_F(UploadServiceTest, TheSameFilesMayComeAtTheSameTime) {
  std::vector<std::string> files;
  for (uint32_t i = 0; i < 8; ++i) files.push_back(LargePicture(i, kMiB + 100));
  std::vector<std::thread> tabs;
  for (int tab = 0; tab < 4; ++tab) {
    tabs.emplace_back([&] {
      for (const std::string& file : files) {
        for (const size_t offset : {size_t{0}, kMiB}) EXPECT_TRUE(Send(PartRequest(file, offset)).ok());
      }
    });
  }
  for (std::thread& tab : tabs) tab.join();
  for (const std::string& file : files) EXPECT_TRUE(Find(file).is_complete());
  EXPECT_EQ(Number("SELECT files FROM upload"), 8);
  EXPECT_EQ(Number("SELECT bytes FROM upload"), static_cast<int64_t>(8 * (kMiB + 100)));
  EXPECT_EQ(BlobFiles(), 8U);
}

}  // namespace
}  // namespace loupe
