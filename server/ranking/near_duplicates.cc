#include "server/ranking/near_duplicates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "evaluation/parallel_for.h"

namespace loupe::ranking {
namespace {

constexpr int kBands = 4;
constexpr int kBandBits = 16;
constexpr int kMostBits = 11;

uint16_t BandOf(uint64_t hash, int band) { return static_cast<uint16_t>(hash >> (kBandBits * band)); }

// Images with one hash.
struct HashGroup {
  uint64_t hash = 0;
  std::vector<size_t> images;  // ascending
};

std::vector<HashGroup> GroupsOf(std::span<const uint64_t> hashes) {
  std::vector<size_t> order(hashes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return hashes[a] < hashes[b]; });
  std::vector<HashGroup> groups;
  for (const size_t image : order) {
    if (groups.empty() || groups.back().hash != hashes[image]) groups.push_back({hashes[image], {}});
    groups.back().images.push_back(image);
  }
  return groups;
}

// Finds the groups near a hash. Of hashes at most b bits apart, some band k is at most ⌊(b - k)/4⌋ apart:
// were each band one further, they would be b + 1 apart.
class BandIndex {
 public:
  // Keeps `groups`, which must outlive it.
  BandIndex(const std::vector<HashGroup>& groups, int max_bits) : groups_(groups), max_bits_(max_bits) {
    for (int k = 0; k < kBands; ++k) {
      Band& band = bands_[static_cast<size_t>(k)];
      band.begins.resize((size_t{1} << kBandBits) + 1);
      for (const HashGroup& group : groups) ++band.begins[BandOf(group.hash, k) + size_t{1}];
      std::partial_sum(band.begins.begin(), band.begins.end(), band.begins.begin());
      std::vector<size_t> ends = band.begins;
      band.hashes.resize(groups.size());
      for (const HashGroup& group : groups) band.hashes[ends[BandOf(group.hash, k)]++] = group.hash;
    }
    for (uint32_t flip = 0; flip < 1U << kBandBits; ++flip) {
      if (std::popcount(flip) <= max_bits / kBands) flips_.push_back(static_cast<uint16_t>(flip));
    }
  }

  // Calls found(group, bits) once for each group within max_bits of `hash`.
  template <typename Found>
  void Search(uint64_t hash, const Found& found) const {
    for (int k = 0; k < kBands; ++k) {
      const Band& band = bands_[static_cast<size_t>(k)];
      for (const uint16_t flip : flips_) {
        if (kBands * std::popcount(flip) > max_bits_ - k) continue;
        const size_t bucket = BandOf(hash, k) ^ flip;
        for (size_t i = band.begins[bucket]; i < band.begins[bucket + 1]; ++i) {
          const uint64_t difference = band.hashes[i] ^ hash;
          const int bits = std::popcount(difference);
          if (bits <= max_bits_ && FirstBand(difference) == k) found(GroupOf(band.hashes[i]), bits);
        }
      }
    }
  }

 private:
  struct Band {
    std::vector<uint64_t> hashes;  // of all groups, by their bits of the band
    std::vector<size_t> begins;    // [2^16 + 1] into hashes
  };

  // The first band that is near enough, which alone reports.
  int FirstBand(uint64_t difference) const {
    int k = 0;
    while (kBands * std::popcount(BandOf(difference, k)) > max_bits_ - k) ++k;
    return k;
  }

  const HashGroup& GroupOf(uint64_t hash) const {
    return *std::lower_bound(groups_.begin(), groups_.end(), hash,
                             [](const HashGroup& group, uint64_t sought) { return group.hash < sought; });
  }

  const std::vector<HashGroup>& groups_;
  int max_bits_;
  std::array<Band, kBands> bands_;
  std::vector<uint16_t> flips_;  // in at most as many bits as the first band may differ in
};

// The first `most` pairs of one image by b.
void AppendPairs(const BandIndex& index, size_t image, uint64_t hash, size_t most,
                 std::vector<HashPair>& pairs) {
  std::vector<HashPair> found;
  index.Search(hash, [&](const HashGroup& group, int bits) {
    const size_t count = std::min(most, group.images.size());
    for (size_t i = 0; i < count; ++i) found.push_back({image, group.images[i], bits});
  });
  std::sort(found.begin(), found.end(), [](const HashPair& x, const HashPair& y) { return x.b < y.b; });
  found.resize(std::min(most, found.size()));
  pairs.insert(pairs.end(), found.begin(), found.end());
}

}  // namespace

absl::StatusOr<NearDuplicates> NearDuplicatePairs(std::span<const uint64_t> hashes_a,
                                                  std::span<const uint64_t> hashes_b,
                                                  const NearDuplicateOptions& options) {
  if (options.max_bits < 0 || options.max_bits > kMostBits) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_bits must be 0 to ", kMostBits, ", not ", options.max_bits));
  }
  const std::vector<HashGroup> groups_a = GroupsOf(hashes_a);
  const std::vector<HashGroup> groups_b = GroupsOf(hashes_b);
  const BandIndex index(groups_b, options.max_bits);
  std::vector<uint64_t> partners(groups_a.size());
  evaluation::ParallelFor(groups_a.size(), options.threads, [&](size_t g) {
    index.Search(groups_a[g].hash, [&](const HashGroup& group, int) { partners[g] += group.images.size(); });
  });
  NearDuplicates found;
  std::vector<size_t> paired;  // images of a
  for (size_t g = 0; g < groups_a.size(); ++g) {
    if (partners[g] == 0) continue;
    found.pair_count += groups_a[g].images.size() * partners[g];
    paired.insert(paired.end(), groups_a[g].images.begin(), groups_a[g].images.end());
  }
  found.a_count = paired.size();
  std::sort(paired.begin(), paired.end());
  for (const size_t image : paired) {
    if (found.pairs.size() == options.max_pairs) break;
    AppendPairs(index, image, hashes_a[image], options.max_pairs - found.pairs.size(), found.pairs);
  }
  return found;
}

}  // namespace loupe::ranking
