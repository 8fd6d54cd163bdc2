// The cache: fetches once, trusts nothing, stays within its bounds.
#include "worker/jobs/image_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

namespace loupe {
namespace {

namespace fs = std::filesystem;

void WriteFile(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class ImageCacheTest : public testing::Test {
 protected:
  ImageCacheTest() : folder_(fs::path(testing::TempDir()) / "image_cache_test") { fs::remove_all(folder_); }

  absl::StatusOr<std::string> Read(ImageCache& cache, const std::string& bytes) {
    return cache.Read(HashOf(bytes), [&](const fs::path& path) {
      ++fetches_;
      WriteFile(path, bytes);
      return absl::OkStatus();
    });
  }

  fs::path folder_;
  int fetches_ = 0;
};

TEST_F(ImageCacheTest, FetchesOnceAlsoForAnotherProcess) {
  absl::StatusOr<ImageCache> cache = ImageCache::Open(folder_ / "deep", 1000);
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(*Read(*cache, "picture"), "picture");
  EXPECT_EQ(*Read(*cache, "picture"), "picture");
  absl::StatusOr<ImageCache> other = ImageCache::Open(folder_ / "deep", 1000);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(*Read(*other, "picture"), "picture");
  EXPECT_EQ(fetches_, 1);
  EXPECT_TRUE(fs::exists(cache->PathOf(HashOf("picture"))));
}

TEST_F(ImageCacheTest, RefusesOtherBytes) {
  absl::StatusOr<ImageCache> cache = ImageCache::Open(folder_, 1000);
  const absl::Status status = cache
                                  ->Read(HashOf("wanted"),
                                         [](const fs::path& path) {
                                           WriteFile(path, "something else");
                                           return absl::OkStatus();
                                         })
                                  .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(ImageCacheTest, FetchesAgainWhatWasDamagedOnDisk) {
  absl::StatusOr<ImageCache> cache = ImageCache::Open(folder_, 1000);
  EXPECT_EQ(*Read(*cache, "picture"), "picture");
  WriteFile(cache->PathOf(HashOf("picture")), "pictu");
  EXPECT_EQ(*Read(*cache, "picture"), "picture");
  EXPECT_EQ(fetches_, 2);
}

TEST_F(ImageCacheTest, PassesTheFetchersErrorOn) {
  absl::StatusOr<ImageCache> cache = ImageCache::Open(folder_, 1000);
  const auto fails = [](const fs::path&) { return absl::NotFoundError("no such blob"); };
  EXPECT_EQ(cache->Read(HashOf("gone"), fails).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ImageCacheTest, DropsWhatWasNotUsedForLongest) {
  absl::StatusOr<ImageCache> cache = ImageCache::Open(folder_, 1000);
  const std::string old(400, 'a');
  const std::string kept(400, 'b');
  const std::string added(400, 'c');
  ASSERT_TRUE(Read(*cache, old).ok());
  ASSERT_TRUE(Read(*cache, kept).ok());
  const auto hour_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(cache->PathOf(HashOf(old)), hour_ago);
  fs::last_write_time(cache->PathOf(HashOf(kept)), hour_ago - std::chrono::hours(1));
  ASSERT_TRUE(Read(*cache, kept).ok());  // used now, so that `old` is the oldest
  ASSERT_TRUE(Read(*cache, added).ok());
  EXPECT_FALSE(fs::exists(cache->PathOf(HashOf(old))));
  EXPECT_TRUE(fs::exists(cache->PathOf(HashOf(kept))));
  EXPECT_TRUE(fs::exists(cache->PathOf(HashOf(added))));
}

}  // namespace
}  // namespace loupe
