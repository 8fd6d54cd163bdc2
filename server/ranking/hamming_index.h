// An index that finds the hashes that differ from a given one in few bits.
//
// Legend: N: hashes that there is room for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"

namespace loupe::ranking {

// Finds, among the 64-bit hashes added so far, those within a Hamming distance of a given one.
//
// A hash is filed under each of its four bands of 16 bits. If two hashes differ in at most b bits, then one
// of their bands k = 0 … 3 differs in at most ⌊(b - k)/4⌋ bits: were each band one bit further apart, the
// hashes would be b + 1 apart. So a search looks only into the buckets of bands that are so near.
//
// Time of a search: 428 buckets for 10 bits, 52 for 6, and the hashes in these buckets. A bucket holds one in
// 65,536 hashes if they are spread evenly, all of them if they share a band. Time of Add: constant.
// Memory: 48 bytes per hash, and 2 MiB.
// Source: Norouzi, Punjani and Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing".
class HammingIndex {
 public:
  static constexpr int kMostBits = 11;

  // Makes room for `hashes` [N] and adds none of them. max_bits: the distance of all searches.
  // Requires: 0 <= max_bits <= kMostBits, N < 2^32.
  HammingIndex(std::span<const uint64_t> hashes, int max_bits);

  // Adds hash i of the hashes that the index was made for.
  // Requires: hash is hashes[i]; at most once for each i.
  void Add(uint64_t hash, size_t i);

  // Calls visit(i, bits) once for each added hash i that differs from `hash` in `bits` <= max_bits bits, in
  // no particular order. Several threads may search at the same time; none may add meanwhile.
  void Search(uint64_t hash, absl::FunctionRef<void(size_t i, int bits)> visit) const;

 private:
  static constexpr int kBands = 4;
  static constexpr int kBandBits = 16;

  // Places in `hashes` and `indices` of a band.
  struct Bucket {
    uint32_t begin = 0;
    uint32_t end = 0;  // of those added; the room goes on to the next bucket's begin
  };
  struct Band {
    std::vector<Bucket> buckets;    // [2^16] by the hash's bits of the band
    std::vector<uint64_t> hashes;   // [N] apart from `indices`, since a search reads these alone
    std::vector<uint32_t> indices;  // [N]
    std::vector<uint16_t> flips;    // which bits of the band may differ
  };

  static uint16_t BandOf(uint64_t hash, int band) {
    return static_cast<uint16_t>(hash >> (kBandBits * band));
  }
  // In how many bits a band may differ; -1: the band isn't searched.
  int MostBitsOf(int band) const { return max_bits_ < band ? -1 : (max_bits_ - band) / kBands; }
  int FirstNearBand(uint64_t difference) const;

  int max_bits_;
  std::array<Band, kBands> bands_;
};

}  // namespace loupe::ranking
