#include "server/ranking/hamming_index.h"

#include <bit>

namespace loupe::ranking {

HammingIndex::HammingIndex(std::span<const uint64_t> hashes, int max_bits) : max_bits_(max_bits) {
  constexpr size_t kBuckets = size_t{1} << kBandBits;
  for (int k = 0; k < kBands; ++k) {
    Band& band = bands_[static_cast<size_t>(k)];
    std::vector<uint32_t> sizes(kBuckets);
    for (const uint64_t hash : hashes) ++sizes[BandOf(hash, k)];
    band.buckets.reserve(kBuckets);
    uint32_t place = 0;
    for (const uint32_t size : sizes) {
      band.buckets.push_back({place, place});
      place += size;
    }
    band.hashes.resize(hashes.size());
    band.indices.resize(hashes.size());
    for (size_t flip = 0; flip < kBuckets; ++flip) {
      if (std::popcount(flip) <= MostBitsOf(k)) band.flips.push_back(static_cast<uint16_t>(flip));
    }
  }
}

void HammingIndex::Add(uint64_t hash, size_t i) {
  for (int k = 0; k < kBands; ++k) {
    Band& band = bands_[static_cast<size_t>(k)];
    const uint32_t place = band.buckets[BandOf(hash, k)].end++;
    band.hashes[place] = hash;
    band.indices[place] = static_cast<uint32_t>(i);
  }
}

void HammingIndex::Search(uint64_t hash, absl::FunctionRef<void(size_t, int)> visit) const {
  for (int k = 0; k < kBands; ++k) {
    const Band& band = bands_[static_cast<size_t>(k)];
    for (const uint16_t flip : band.flips) {
      const Bucket& bucket = band.buckets[BandOf(hash, k) ^ flip];
      for (uint32_t place = bucket.begin; place < bucket.end; ++place) {
        const uint64_t difference = band.hashes[place] ^ hash;
        const int bits = std::popcount(difference);
        if (bits <= max_bits_ && FirstNearBand(difference) == k) visit(band.indices[place], bits);
      }
    }
  }
}

// The first band in which so near hashes are found. It alone reports them, so that they are visited once.
int HammingIndex::FirstNearBand(uint64_t difference) const {
  int k = 0;
  while (std::popcount(BandOf(difference, k)) > MostBitsOf(k)) ++k;
  return k;
}

}  // namespace loupe::ranking
