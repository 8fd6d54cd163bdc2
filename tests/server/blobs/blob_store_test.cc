#include "server/blobs/blob_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

namespace loupe {
namespace {

namespace fs = std::filesystem;

// SHA-256 of "abc", FIPS 180-4's own example.
constexpr char kAbcHex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class BlobStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "loupe-blobs-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  BlobStore Open() {
    absl::StatusOr<BlobStore> store = BlobStore::Open(folder_);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  int FilesIn(const fs::path& folder) const {
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) files += entry.is_regular_file();
    return files;
  }

  fs::path folder_;
};

TEST_F(BlobStoreTest, ABlobIsAFileNamedByItsHash) {
  const BlobStore store = Open();
  absl::StatusOr<BlobWriter> writer = store.NewWriter(3);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Append("a").ok());
  ASSERT_TRUE(writer->Append("bc").ok());
  const Sha256 hash = *ParseHex(kAbcHex);
  EXPECT_FALSE(store.Exists(hash));
  const absl::StatusOr<BlobInfo> info = writer->Commit(hash, 3);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(ToHex(info->hash), kAbcHex);

  std::string name = kAbcHex;
  EXPECT_EQ(fs::file_size(folder_ / name.substr(0, 2) / name.substr(2)), 3u);
  EXPECT_EQ(FilesIn(folder_), 1);
  EXPECT_EQ(*store.Size(hash), 3u);
  EXPECT_TRUE(store.Verify(hash).ok());
}

TEST_F(BlobStoreTest, ManyBlobsAreMadeDurableAtOnce) {
  const BlobStore store = Open();
  absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
  ASSERT_TRUE(writer->Append("abc").ok());
  const auto info = writer->Commit(std::nullopt, std::nullopt, Durability::kLater);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(store.Sync().ok());
  EXPECT_TRUE(store.Verify(info->hash).ok());
}

TEST_F(BlobStoreTest, ABlobThatIsThereIsKeptAndADamagedOneReplaced) {
  const BlobStore store = Open();
  const auto write = [&] {
    absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
    EXPECT_TRUE(writer->Append("abc").ok());
    return *writer->Commit(std::nullopt, std::nullopt, Durability::kLater);
  };
  EXPECT_TRUE(write().is_new);
  const std::string hex = ToHex(HashOf("abc"));
  const fs::path file = folder_ / hex.substr(0, 2) / hex.substr(2);
  const auto time = fs::last_write_time(file);
  EXPECT_FALSE(write().is_new);
  EXPECT_EQ(fs::last_write_time(file), time);
  std::ofstream(file) << "abd";
  EXPECT_FALSE(write().is_new);
  EXPECT_TRUE(store.Verify(HashOf("abc")).ok());
}

TEST_F(BlobStoreTest, SomeOfTheDiskStaysFree) {
  const absl::Status status = Open().NewWriter(100, uint64_t{1} << 60).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("make room"));
}

TEST_F(BlobStoreTest, ItsFolderIsForThisUserAlone) {
  const BlobStore store = Open();
  EXPECT_EQ(fs::status(folder_).permissions(), fs::perms::owner_all);
}

TEST_F(BlobStoreTest, IsReadInChunks) {
  const BlobStore store = Open();
  absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
  ASSERT_TRUE(writer->Append("0123456789").ok());
  const Sha256 hash = writer->Commit()->hash;
  absl::StatusOr<BlobReader> reader = store.OpenBlob(hash);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader->size_bytes(), 10u);
  EXPECT_EQ(*reader->Next(4), "0123");
  EXPECT_EQ(*reader->Next(4), "4567");
  EXPECT_EQ(*reader->Next(4), "89");
  EXPECT_EQ(*reader->Next(4), "");
}

TEST_F(BlobStoreTest, WhatIsNotThereIsNotFound) {
  const BlobStore store = Open();
  const Sha256 hash = *ParseHex(kAbcHex);
  EXPECT_EQ(store.OpenBlob(hash).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store.Size(hash).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store.Verify(hash).code(), absl::StatusCode::kNotFound);
}

TEST_F(BlobStoreTest, OtherBytesThanAnnouncedLeaveNothing) {
  const BlobStore store = Open();
  for (const bool wrong_hash : {true, false}) {
    absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
    ASSERT_TRUE(writer->Append("abd").ok());
    const auto info =
        wrong_hash ? writer->Commit(*ParseHex(kAbcHex)) : writer->Commit(std::nullopt, uint64_t{4});
    EXPECT_EQ(info.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(FilesIn(folder_), 0);
}

TEST_F(BlobStoreTest, AnAbandonedWriterLeavesNothing) {
  const BlobStore store = Open();
  {
    absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
    ASSERT_TRUE(writer->Append("half of it").ok());
    EXPECT_EQ(FilesIn(folder_), 1);
  }
  EXPECT_EQ(FilesIn(folder_), 0);
}

TEST_F(BlobStoreTest, TheLimitHolds) {
  const BlobStore store = Open();
  absl::StatusOr<BlobWriter> writer = store.NewWriter(4);
  EXPECT_TRUE(writer->Append("1234").ok());
  EXPECT_EQ(writer->Append("5").code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(BlobStoreTest, AKilledWritersFileIsRemovedAtTheNextStartAndALivingOnesIsNot) {
  const BlobStore store = Open();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
    (void)writer->Append("half of it");
    (void)!write(ready[1], "x", 1);
    pause();
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);

  absl::StatusOr<BlobWriter> living = store.NewWriter(100);
  ASSERT_TRUE(living->Append("abc").ok());
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  ASSERT_EQ(FilesIn(folder_), 2);

  Open();
  EXPECT_EQ(FilesIn(folder_), 1);
  EXPECT_TRUE(living->Commit(*ParseHex(kAbcHex)).ok());
}

TEST_F(BlobStoreTest, AChangedFileIsNoticed) {
  const BlobStore store = Open();
  absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
  ASSERT_TRUE(writer->Append("abc").ok());
  const Sha256 hash = writer->Commit()->hash;
  std::string name = kAbcHex;
  std::ofstream(folder_ / name.substr(0, 2) / name.substr(2)) << "abd";
  EXPECT_EQ(store.Verify(hash).code(), absl::StatusCode::kDataLoss);
}

TEST_F(BlobStoreTest, ManyWritersOfTheSameBytes) {
  const BlobStore store = Open();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&store] {
      for (int j = 0; j < 20; ++j) {
        absl::StatusOr<BlobWriter> writer = store.NewWriter(100);
        ASSERT_TRUE(writer->Append("abc").ok());
        ASSERT_TRUE(writer->Commit().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(FilesIn(folder_), 1);
  EXPECT_TRUE(store.Verify(*ParseHex(kAbcHex)).ok());
}

}  // namespace
}  // namespace loupe
