#include "content/whole_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "content/read_file.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class WholeFileTest : public ::testing::Test {
 protected:
  WholeFileTest() {
    std::string pattern = (fs::temp_directory_path() / "loupe-whole-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~WholeFileTest() override { fs::remove_all(folder_); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }

  static std::string Bytes(const fs::path& path) {
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    return bytes.str();
  }

  fs::path folder_;
};

TEST_F(WholeFileTest, IsThereOnlyOnceItIsCommitted) {
  const fs::path path = folder_ / "file";
  for (const Durability durability : {Durability::kNow, Durability::kWhole, Durability::kLater}) {
    absl::StatusOr<WholeFile> file = WholeFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(file->Append("one ").ok());
    ASSERT_TRUE(file->Append("two").ok());
    EXPECT_FALSE(fs::exists(path));
    ASSERT_TRUE(file->Commit(durability).ok());
    EXPECT_EQ(Bytes(path), "one two");
    EXPECT_THAT(Names(), ElementsAre("file"));
    fs::remove(path);
  }
}

TEST_F(WholeFileTest, ANameMayBeAsLongAsTheFileSystemTakesIt) {
  const std::string name(255, 'n');
  absl::StatusOr<WholeFile> file = WholeFile::Open(folder_ / name);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("whole").ok());
  ASSERT_TRUE(file->Commit(Durability::kLater).ok());
  EXPECT_THAT(Names(), ElementsAre(name));
}

TEST_F(WholeFileTest, AFileIsReadWholeAndAFolderIsNoFile) {
  const std::string bytes(200'000, 'b');
  std::ofstream(folder_ / "file", std::ios::binary) << bytes;
  EXPECT_EQ(*ReadFile(folder_ / "file"), bytes);
  std::ofstream(folder_ / "empty").close();
  EXPECT_EQ(*ReadFile(folder_ / "empty"), "");
  EXPECT_THAT(ReadFile("/proc/self/status").value_or(""), HasSubstr("VmRSS")) << "a file that tells no size";
  EXPECT_THAT(std::string(ReadFile(folder_).status().message()), HasSubstr("directory"));
  EXPECT_EQ(ReadFile(folder_ / "none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(WholeFileTest, SmallAndLargePiecesKeepTheirOrder) {
  absl::StatusOr<WholeFile> file = WholeFile::Open(folder_ / "file");
  std::string expected;
  for (const size_t size : {1, 100, 0, 70'000, 3, 200'000, 65'535, 1, 65'536}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    ASSERT_TRUE(file->Append(piece).ok());
    expected += piece;
  }
  ASSERT_TRUE(file->Commit(Durability::kLater).ok());
  EXPECT_TRUE(Bytes(folder_ / "file") == expected);
}

TEST_F(WholeFileTest, WhatIsNotCommittedLeavesTheFileBefore) {
  std::ofstream(folder_ / "file") << "before";
  {
    absl::StatusOr<WholeFile> file = WholeFile::Open(folder_ / "file");
    ASSERT_TRUE(file->Append("after").ok());
    const WholeFile moved = *std::move(file);
  }
  EXPECT_THAT(Names(), ElementsAre("file"));
  EXPECT_EQ(Bytes(folder_ / "file"), "before");
}

TEST_F(WholeFileTest, TwoWritersOfOneFileDontDisturbEachOther) {
  absl::StatusOr<WholeFile> first = WholeFile::Open(folder_ / "file");
  absl::StatusOr<WholeFile> second = WholeFile::Open(folder_ / "file");
  ASSERT_TRUE(first->Append("first").ok());
  ASSERT_TRUE(second->Append("second").ok());
  ASSERT_TRUE(second->Commit(Durability::kLater).ok());
  EXPECT_EQ(Bytes(folder_ / "file"), "second");
  ASSERT_TRUE(first->Commit(Durability::kLater).ok());
  EXPECT_EQ(Bytes(folder_ / "file"), "first");
}

TEST_F(WholeFileTest, ANewFileNeverReplacesAnother) {
  std::ofstream(folder_ / "taken") << "before";
  absl::StatusOr<WholeFile> file = WholeFile::OpenIn(folder_);
  ASSERT_TRUE(file->Append("after").ok());
  EXPECT_FALSE(file->CommitAsNew(folder_ / "taken").ok());
  EXPECT_EQ(Bytes(folder_ / "taken"), "before");
  ASSERT_TRUE(file->CommitAsNew(folder_ / "free").ok());
  EXPECT_EQ(Bytes(folder_ / "free"), "after");

  absl::StatusOr<WholeFile> again = WholeFile::OpenIn(folder_);
  EXPECT_FALSE(again->CommitAsNew(folder_ / "taken").ok());
  EXPECT_TRUE(again->CommitAs(folder_ / "taken", Durability::kNow).ok());
  EXPECT_EQ(Bytes(folder_ / "taken"), "");
}

TEST_F(WholeFileTest, HasTheModeThatWasAskedFor) {
  absl::StatusOr<WholeFile> file = WholeFile::Open(folder_ / "secret", 0600);
  ASSERT_TRUE(file->Commit(Durability::kWhole).ok());
  struct stat status {};
  ASSERT_EQ(stat((folder_ / "secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(WholeFileTest, ErrorsNameTheFile) {
  const absl::Status status = WholeFile::Open(folder_ / "none" / "file").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr((folder_ / "none" / "file").string()));
  EXPECT_THAT(status.message(), HasSubstr("No such file"));
}

TEST_F(WholeFileTest, WhatIsNoFileStays) {
  fs::create_directories(folder_ / "folder" / "inner");
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder_ / "to a pipe");
  fs::create_symlink("nothing", folder_ / "to nothing");
  for (const char* name : {"folder", "pipe", "to a pipe", "to nothing"}) {
    const absl::Status status = WholeFile::Open(folder_ / name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << name;
    EXPECT_THAT(status.message(), HasSubstr((folder_ / name).string() + ": it is "));
  }
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe"));
  EXPECT_THAT(Names(), UnorderedElementsAre("folder", "pipe", "to a pipe", "to nothing"));
}

TEST_F(WholeFileTest, ALinkStaysAndItsFileIsReplaced) {
  fs::create_directory(folder_ / "inner");
  std::ofstream(folder_ / "inner" / "file") << "before";
  fs::create_symlink("inner/file", folder_ / "link");
  absl::StatusOr<WholeFile> file = WholeFile::Open(folder_ / "link");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("after").ok());
  ASSERT_TRUE(file->Commit(Durability::kNow).ok());
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(Bytes(folder_ / "inner" / "file"), "after");
  EXPECT_THAT(Names(), UnorderedElementsAre("inner", "link"));
}

TEST_F(WholeFileTest, ADiskWithoutRoomIsNoRoom) {
  absl::StatusOr<WholeFile> file = WholeFile::OpenIn(folder_);
  ASSERT_TRUE(file.ok());
  const int full = open("/dev/full", O_WRONLY);  // refuses every byte
  ASSERT_GE(full, 0);
  ASSERT_EQ(dup2(full, file->descriptor()), file->descriptor());
  close(full);
  EXPECT_EQ(file->Append(std::string(100'000, 'x')).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(file->CommitAs(folder_ / "file", Durability::kLater).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(fs::exists(folder_ / "file"));
}

}  // namespace
}  // namespace loupe
