#include "server/storage/storage_service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/coordinator.h"

namespace loupe {
namespace {

using Stub = v1::StorageService::Stub;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StorageTest : public ::testing::Test {
 protected:
  StorageTest() {
    MakeProject(coordinator_.channel(), admin_, "parts", 0);
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    start.set_project("parts");
    pictures_ = PlainPictures(3);
    EXPECT_TRUE(ImportPictures(coordinator_.channel(), admin_, start, pictures_).ok());
  }

  std::filesystem::path PathOf(const Sha256& hash) const {
    const std::string hex = ToHex(hash);
    return coordinator_.blob_folder() / hex.substr(0, 2) / hex.substr(2);
  }

  // Stores a blob that was written this many minutes ago.
  Sha256 Store(const std::string& bytes, int minutes) {
    const auto store = BlobStore::Open(coordinator_.blob_folder());
    auto writer = store->NewWriter(bytes.size());
    EXPECT_TRUE(writer.ok() && writer->Append(bytes).ok() && writer->Commit().ok());
    const Sha256 hash = HashOf(bytes);
    const timespec time{::time(nullptr) - 60 * minutes, 0};
    const timespec times[] = {time, time};
    EXPECT_EQ(utimensat(AT_FDCWD, PathOf(hash).c_str(), times, 0), 0);
    return hash;
  }

  // A round of the project with a TRAIN job in this state, whose last checkpoints these are.
  void MakeRound(int number, const char* round, const char* job, const Sha256& last, const Sha256& previous) {
    const auto time = [](const char* state, const char* open) {
      return state == std::string(open) ? "NULL" : "now()";
    };
    coordinator_.database().Sql(absl::StrCat(
        "WITH made AS (INSERT INTO snapshot (project_id, class_count) VALUES (1, 2) RETURNING id), "
        "of AS (INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by, ended_at) "
        "SELECT 1, ",
        number, ", '", round, "', '', id, 1, ", time(round, "training"),
        " FROM made RETURNING id) "
        "INSERT INTO job (round_id, kind, state, ended_at, checkpoint_sha256, checkpoint_iteration, "
        "previous_checkpoint_sha256, previous_checkpoint_iteration) SELECT id, 'train', '",
        job, "', ", time(job, "waiting"), ", '\\x", ToHex(last), "', 20, '\\x", ToHex(previous),
        "', 10 FROM of"));
  }

  v1::CollectStorageResponse Collect(bool dry_run) {
    v1::CollectStorageRequest request;
    request.set_dry_run(dry_run);
    const auto context = NewContext(admin_);
    const auto reader = stub_->CollectStorage(context.get(), request);
    v1::CollectStorageResponse total;
    while (reader->Read(&total)) {
    }
    EXPECT_TRUE(reader->Finish().ok());
    return total;
  }

  // All that is damaged, by name.
  std::vector<std::string> Verify(uint64_t& blobs) {
    const auto context = NewContext(admin_);
    const auto reader = stub_->VerifyStorage(context.get(), {});
    std::vector<std::string> damaged;
    v1::VerifyStorageResponse response;
    while (reader->Read(&response)) {
      blobs = response.verified().blobs();
      for (const v1::DamagedBlob& blob : response.damaged()) {
        damaged.push_back(absl::StrCat(blob.needed_by(), ": ", blob.fault()));
      }
    }
    EXPECT_TRUE(reader->Finish().ok());
    return damaged;
  }

  TestCoordinator coordinator_;
  const std::string admin_ = coordinator_.Token(v1::ADMIN);
  const std::unique_ptr<Stub> stub_ = v1::StorageService::NewStub(coordinator_.channel());
  std::vector<TestPicture> pictures_;
};

TEST_F(StorageTest, WhatNothingNeedsIsCollected) {
  const Sha256 left = Store("of an import that a crash cut", 90), young = Store("on its way", 10);
  const Sha256 last = Store("last", 90), previous = Store("previous", 90),
               ended = Store("of an ended round", 90);
  const Sha256 ended_before = Store("before it", 90), weights = Store("weights", 90);
  MakeRound(1, "cancelled", "cancelled", ended, ended_before);
  MakeRound(2, "training", "waiting", last, previous);
  coordinator_.database().Sql(absl::StrCat(
      "INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes) "
      "VALUES (1, 1, 'a', 'small', 'candidate', '\\x",
      ToHex(weights), "', 7)"));

  const auto storage = Rpc(*stub_, &Stub::GetStorage, admin_, v1::GetStorageRequest());
  ASSERT_TRUE(storage.ok()) << storage.status();
  EXPECT_EQ(storage->pictures().blobs(), 3u);
  EXPECT_EQ(storage->pictures().bytes(),
            pictures_[0].bytes.size() + pictures_[1].bytes.size() + pictures_[2].bytes.size());
  EXPECT_EQ(storage->weights().bytes(), 7u);
  EXPECT_EQ(storage->checkpoints().blobs(), 2u);
  EXPECT_EQ(storage->unneeded().blobs(), 3u);
  EXPECT_EQ(storage->unneeded_of_last_hour().blobs(), 1u);
  EXPECT_GT(storage->free_bytes(), 0u);
  EXPECT_GT(storage->database_bytes(), 1u << 20);

  const v1::CollectStorageResponse told = Collect(true);
  EXPECT_EQ(told.removed().blobs(), 3u);
  EXPECT_EQ(told.looked_at().blobs(), 10u);
  EXPECT_TRUE(std::filesystem::exists(PathOf(left))) << "it was only told";
  const v1::CollectStorageResponse done = Collect(false);
  EXPECT_EQ(done.removed().blobs(), 3u);
  EXPECT_EQ(done.removed().bytes(), told.removed().bytes());
  for (const Sha256& gone : {left, ended, ended_before}) EXPECT_FALSE(std::filesystem::exists(PathOf(gone)));
  for (const Sha256& kept : {young, last, previous, weights}) {
    EXPECT_TRUE(std::filesystem::exists(PathOf(kept)));
  }
  for (const TestPicture& picture : pictures_) {
    EXPECT_TRUE(std::filesystem::exists(PathOf(HashOf(picture.bytes))));
  }
  EXPECT_EQ(Collect(false).removed().blobs(), 0u);
}

TEST_F(StorageTest, WhatCannotBeRemovedStopsNothing) {
  const Sha256 stray = Store("stray", 90);
  const std::filesystem::path folder = PathOf(HashOf("a folder in place of a blob"));
  std::filesystem::create_directories(folder / "with something in it");
  std::filesystem::create_directories(PathOf(HashOf("link")).parent_path());
  std::filesystem::create_symlink("/dev/null", PathOf(HashOf("link")));
  const v1::CollectStorageResponse done = Collect(false);
  EXPECT_EQ(done.removed().blobs(), 1u);
  EXPECT_EQ(done.kept().blobs(), 0u) << "what is no file is no blob";
  EXPECT_FALSE(std::filesystem::exists(PathOf(stray)));
}

TEST_F(StorageTest, ModelsOfADeletedProjectAreNotNeeded) {
  const Sha256 weights = Store("weights", 90);
  coordinator_.database().Sql(absl::StrCat(
      "INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes) "
      "VALUES (1, 1, 'a', 'small', 'candidate', '\\x",
      ToHex(weights),
      "', 7); "
      "UPDATE project SET deleted_at = now()"));
  EXPECT_GE(Collect(false).removed().blobs(), 1u);
  EXPECT_FALSE(std::filesystem::exists(PathOf(weights)));
}

TEST_F(StorageTest, DamagedAndMissingBlobsAreNamed) {
  uint64_t blobs = 0;
  EXPECT_THAT(Verify(blobs), IsEmpty());
  EXPECT_EQ(blobs, 3u);
  std::ofstream(PathOf(HashOf(pictures_[0].bytes)), std::ios::app) << "x";
  EXPECT_THAT(Verify(blobs), ElementsAre(AllOf(HasSubstr("image \"image-0.png\" of project \"parts\""),
                                               HasSubstr("was changed: import the picture again"))));
  std::filesystem::remove(PathOf(HashOf(pictures_[0].bytes)));
  EXPECT_THAT(Verify(blobs), ElementsAre(AllOf(HasSubstr("image-0.png"), HasSubstr("its file is missing"))));
  EXPECT_EQ(blobs, 3u) << "the others are read, too";
}

TEST_F(StorageTest, IsForAdmins) {
  for (const v1::Role role : {v1::ANNOTATOR, v1::ENGINEER, v1::VIEWER, v1::WORKER}) {
    const auto refused = Rpc(*stub_, &Stub::GetStorage, coordinator_.Token(role), v1::GetStorageRequest());
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  }
}

}  // namespace
}  // namespace loupe
