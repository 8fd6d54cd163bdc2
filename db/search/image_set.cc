#include "db/search/image_set.h"

#include <bit>
#include <cstring>

namespace loupe {
namespace {

constexpr int64_t kWordImages = 64;
constexpr size_t kWords = ImageSet::kBlockImages / kWordImages;
static_assert(std::endian::native == std::endian::little);

struct BitPlace {
  int64_t block;
  size_t word;
  uint64_t mask;
};

BitPlace PlaceOf(int64_t image) {
  const int64_t within = image % ImageSet::kBlockImages;
  return {ImageSet::BlockOf(image), static_cast<size_t>(within / kWordImages),
          uint64_t{1} << (within % kWordImages)};
}

}  // namespace

bool ImageSet::Contains(int64_t image) const {
  const BitPlace place = PlaceOf(image);
  const auto block = blocks_.find(place.block);
  return block != blocks_.end() && (block->second[place.word] & place.mask) != 0;
}

void ImageSet::Set(int64_t image, bool contained) {
  const BitPlace place = PlaceOf(image);
  const auto block = blocks_.find(place.block);
  if (contained) {
    Words& words = block != blocks_.end() ? block->second : blocks_[place.block];
    words.resize(kWords);
    words[place.word] |= place.mask;
  } else if (block != blocks_.end()) {
    block->second[place.word] &= ~place.mask;
  }
}

uint64_t ImageSet::Size() const {
  uint64_t images = 0;
  for (const auto& [block, words] : blocks_) {
    for (const uint64_t word : words) images += static_cast<uint64_t>(std::popcount(word));
  }
  return images;
}

void ImageSet::AddBlock(int64_t block, std::string_view bits) {
  Words& words = blocks_[block];
  words.resize(kWords);
  for (size_t i = 0; i < kWords; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, bits.data() + i * sizeof word, sizeof word);
    words[i] |= word;
  }
}

std::string ImageSet::BitsOf(int64_t block) const {
  const auto found = blocks_.find(block);
  if (found == blocks_.end()) return "";
  uint64_t any = 0;
  for (const uint64_t word : found->second) any |= word;
  if (any == 0) return "";
  return {reinterpret_cast<const char*>(found->second.data()), kBlockBytes};
}

void ImageSet::Keep(const ImageSet& others) {
  std::erase_if(blocks_, [&](const auto& block) { return !others.blocks_.contains(block.first); });
  for (auto& [block, words] : blocks_) {
    const Words& other = others.blocks_.at(block);
    for (size_t i = 0; i < kWords; ++i) words[i] &= other[i];
  }
}

void ImageSet::Remove(const ImageSet& others) {
  for (auto& [block, words] : blocks_) {
    const auto other = others.blocks_.find(block);
    if (other == others.blocks_.end()) continue;
    for (size_t i = 0; i < kWords; ++i) words[i] &= ~other->second[i];
  }
}

void ImageSet::Walk(int64_t after, bool descending, const std::function<bool(int64_t)>& visit) const {
  // Whether the walk goes on. `word`: those of its bits that come after `after` alone.
  const auto walk_word = [&](int64_t first_image, uint64_t word) {
    while (word != 0) {
      const int bit = descending ? 63 - std::countl_zero(word) : std::countr_zero(word);
      if (!visit(first_image + bit)) return false;
      word &= ~(uint64_t{1} << bit);
    }
    return true;
  };
  const auto walk_block = [&](int64_t block, const Words& words) {
    for (size_t i = 0; i < kWords; ++i) {
      const size_t index = descending ? kWords - 1 - i : i;
      const int64_t first = block * kBlockImages + static_cast<int64_t>(index) * kWordImages;
      uint64_t word = words[index];
      const int64_t passed = descending ? first + kWordImages - after : after - first + 1;
      if (passed >= kWordImages) continue;
      if (passed > 0) word &= descending ? ~uint64_t{0} >> passed : ~uint64_t{0} << passed;
      if (!walk_word(first, word)) return false;
    }
    return true;
  };
  if (descending) {
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block) {
      if (!walk_block(block->first, block->second)) return;
    }
  } else {
    for (auto block = blocks_.lower_bound(BlockOf(after)); block != blocks_.end(); ++block) {
      if (!walk_block(block->first, block->second)) return;
    }
  }
}

}  // namespace loupe
