#include "renderer/line_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "content/file_handle.h"
#include "content/steady_clock.h"

namespace loupe {
namespace {

using testing::Eq;
using testing::Optional;

class LineReaderTest : public testing::Test {
 protected:
  LineReaderTest() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe(ends), 0);
    reading_ = FileHandle(ends[0]);
    writing_ = FileHandle(ends[1]);
  }

  void Send(const std::string& bytes) {
    ASSERT_EQ(write(writing_.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

  FileHandle reading_;
  FileHandle writing_;
};

TEST_F(LineReaderTest, ReturnsLineAfterLine) {
  LineReader reader(reading_.get(), absl::Minutes(1));
  Send("first\n\nthird\nfou");
  EXPECT_THAT(reader.Next(), Optional(Eq("first")));
  EXPECT_THAT(reader.Next(), Optional(Eq("")));
  EXPECT_THAT(reader.Next(), Optional(Eq("third")));
  Send("rth\n");
  EXPECT_THAT(reader.Next(), Optional(Eq("fourth")));
}

TEST_F(LineReaderTest, ALineMayBeLongerThanOneRead) {
  LineReader reader(reading_.get(), absl::Minutes(1));
  const std::string line(100'000, 'x');
  std::thread writer([&] { Send(line + "\n"); });
  EXPECT_THAT(reader.Next(), Optional(Eq(line)));
  writer.join();
}

TEST_F(LineReaderTest, EndsWithItsInputAndDropsHalfALine) {
  LineReader reader(reading_.get(), absl::Minutes(1));
  Send("whole\nhalf");
  writing_ = FileHandle();
  EXPECT_THAT(reader.Next(), Optional(Eq("whole")));
  EXPECT_EQ(reader.Next(), std::nullopt);
}

TEST_F(LineReaderTest, EndsWhenNothingComes) {
  LineReader reader(reading_.get(), absl::Milliseconds(50));
  Send("half");
  const Stopwatch waited;
  EXPECT_EQ(reader.Next(), std::nullopt);
  EXPECT_GE(waited.Elapsed(), absl::Milliseconds(49));
}

}  // namespace
}  // namespace loupe
