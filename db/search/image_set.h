// Sets of images as bits, in blocks of 32,768 ids: any two are put together in microseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace loupe {

class ImageSet {
 public:
  static constexpr int64_t kBlockImages = 32'768;
  static constexpr size_t kBlockBytes = kBlockImages / 8;

  static int64_t BlockOf(int64_t image) { return image / kBlockImages; }

  bool Contains(int64_t image) const;
  void Set(int64_t image, bool contained);
  uint64_t Size() const;

  // `bits`: kBlockBytes bytes, as image_facet holds them; the images of a block that are in it are added.
  void AddBlock(int64_t block, std::string_view bits);
  // As AddBlock takes them; empty if the set has no image of the block.
  std::string BitsOf(int64_t block) const;

  void Keep(const ImageSet& others);    // only those that are in `others`, too
  void Remove(const ImageSet& others);  // those that are in `others`

  // Calls `visit` with each image above `after` in ascending order, or below it in descending order, until it
  // returns false.
  void Walk(int64_t after, bool descending, const std::function<bool(int64_t)>& visit) const;

 private:
  using Words = std::vector<uint64_t>;
  std::map<int64_t, Words> blocks_;
};

}  // namespace loupe
