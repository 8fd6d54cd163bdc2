#include "content/log_keeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "content/file_handle.h"
#include "content/read_file.h"

namespace loupe {
namespace {

class CutLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/loupe-log-XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  FileHandle Open(int flags) const {
    return FileHandle(open((folder_ / "a.log").c_str(), O_WRONLY | O_CREAT | flags, 0600));
  }
  static void Write(const FileHandle& file, const std::string& text) {
    ASSERT_EQ(write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string Read(const char* name) const { return ReadFile(folder_ / name).value_or("(none)"); }

  std::filesystem::path folder_;
};

TEST_F(CutLogTest, ALongLogIsKeptAsideAndWritersGoOn) {
  const FileHandle program = Open(O_APPEND), child = Open(O_APPEND);
  Write(program, "first ");
  CutLog(program.get(), 10);
  EXPECT_EQ(Read("a.log"), "first ") << "it is short";
  Write(child, "second ");
  CutLog(program.get(), 10);
  EXPECT_EQ(Read("a.log"), "");
  EXPECT_EQ(Read("a.log.1"), "first second ");
  Write(child, "third ");
  Write(program, "fourth");
  EXPECT_EQ(Read("a.log"), "third fourth");
  CutLog(child.get(), 10);
  EXPECT_EQ(Read("a.log.1"), "third fourth") << "one is kept";
}

TEST_F(CutLogTest, WhatIsNoLogIsLeftAlone) {
  const FileHandle file = Open(0);
  Write(file, "0123456789 written at a place of its own");
  CutLog(file.get(), 10);
  EXPECT_EQ(Read("a.log"), "0123456789 written at a place of its own");
  EXPECT_EQ(Read("a.log.1"), "(none)");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  CutLog(ends[1], 0);
  CutLog(-1, 0);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace loupe
