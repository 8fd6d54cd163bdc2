#include "server/gateway/rendering_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/pictures.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path Program() { return fs::path(std::getenv("LOUPE_BIN")) / "loupe-renderer"; }

class RenderingCacheTest : public testing::Test {
 protected:
  // Stores a picture.
  RenderingName Store(const std::string& bytes, int max_side = 320) {
    auto writer = blobs_.NewWriter(bytes.size());
    EXPECT_TRUE(writer.ok() && writer->Append(bytes).ok() && writer->Commit().ok());
    return {HashOf(bytes), max_side, {}};
  }

  uint64_t KeptBytes() const {
    uint64_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(blobs_.Renderings())) {
      if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
  }

  // A program that behaves like this.
  fs::path Script(const std::string& text) {
    const fs::path path = folder_.path() / "script";
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }

  TemporaryFolder folder_;
  const BlobStore blobs_ = *BlobStore::Open(folder_.path() / "blobs");
};

TEST_F(RenderingCacheTest, KeepsWhatItMade) {
  RenderingCache cache(blobs_, 1 << 20);
  Renderer renderer(Program());
  const RenderingName name = Store(MakePng(800, 600, 1));
  EXPECT_FALSE(cache.Find(name).has_value());
  EXPECT_TRUE(cache.Make(name, renderer).ok());
  EXPECT_TRUE(cache.Find(name).has_value());
  EXPECT_FALSE(cache.Find({name.picture, 0, {}}).has_value()) << "another form";
  EXPECT_FALSE(cache.Find({name.picture, 320, {0, 255}}).has_value()) << "other levels";
}

TEST_F(RenderingCacheTest, APictureThatCantBeDecodedHarmsNoOther) {
  RenderingCache cache(blobs_, 1 << 20);
  Renderer renderer(Program());
  const auto bad = cache.Make(Store("no picture"), renderer);
  EXPECT_TRUE(absl::IsInvalidArgument(bad.status())) << bad.status();
  EXPECT_TRUE(cache.Make(Store(MakePng(40, 30, 1)), renderer).ok());
}

TEST_F(RenderingCacheTest, AProgramThatEndsIsStartedAgain) {
  RenderingCache cache(blobs_, 1 << 20);
  Renderer never_runs(Script("exit 127"));
  const auto none = cache.Make(Store(MakePng(40, 30, 1)), never_runs);
  EXPECT_TRUE(absl::IsInternal(none.status())) << none.status();
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("run it by hand"));
  // A picture in full size ends it.
  Renderer ends(
      Script("read line; case \"$line\" in *\"\t0\t0\t\"*) exit 3;; esac; echo ok; read line; exit 3"));
  (void)cache.Make(Store(MakePng(39, 30, 1)), ends);
  const auto made = cache.Make(Store(MakePng(40, 30, 1), 0), ends);
  EXPECT_TRUE(absl::IsInvalidArgument(made.status())) << made.status();
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("too much time or memory"));
  Renderer missing(folder_.path() / "nothing");
  EXPECT_TRUE(absl::IsInternal(cache.Make(Store(MakePng(41, 30, 1)), missing).status()));
  // Answers once, and ends: as the program does that had nothing to do for a minute.
  Renderer idles(Script("read line; echo error first; read line"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cache.Make(Store(MakePng(42, 30, 1)), idles).status().message(), "first");
    absl::SleepFor(absl::Milliseconds(50));
  }
}

TEST_F(RenderingCacheTest, WhatWasUsedLongestAgoGoes) {
  RenderingCache roomy(blobs_, uint64_t{1} << 30);
  Renderer renderer(Program());
  std::vector<RenderingName> names;
  for (uint32_t i = 0; i < 20; ++i) {
    names.push_back(Store(MakePng(300, 300, i)));
    ASSERT_TRUE(roomy.Make(names.back(), renderer).ok());
    for (const auto& file : fs::directory_iterator(blobs_.RenderingsOf(names.back().picture))) {
      fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(30 - i));
    }
  }
  ASSERT_TRUE(roomy.Find(names[3]).has_value());  // used now
  const uint64_t all = KeptBytes();
  RenderingCache(blobs_, all / 2).Trim();
  EXPECT_LE(KeptBytes(), all / 8 * 3);
  EXPECT_GT(KeptBytes(), all / 4);
  EXPECT_FALSE(roomy.Find(names[0]).has_value());
  EXPECT_TRUE(roomy.Find(names[3]).has_value());
  EXPECT_TRUE(roomy.Find(names[19]).has_value());
}

TEST_F(RenderingCacheTest, OfAnErasedPictureNothingStays) {
  RenderingCache cache(blobs_, 1 << 20);
  Renderer renderer(Program());
  const RenderingName name = Store(MakePng(40, 30, 1));
  ASSERT_TRUE(cache.Make(name, renderer).ok());
  EXPECT_EQ(blobs_.Erase({name.picture}).erased.size(), 1u);
  EXPECT_FALSE(cache.Find(name).has_value());
  EXPECT_FALSE(fs::exists(blobs_.RenderingsOf(name.picture)));
  EXPECT_FALSE(cache.Make(name, renderer).ok());
  EXPECT_FALSE(fs::exists(blobs_.RenderingsOf(name.picture)));
}

}  // namespace
}  // namespace loupe
