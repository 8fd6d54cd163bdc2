#include "server/ranking/near_duplicates.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "evaluation/parallel_for.h"
#include "server/ranking/hamming_index.h"

namespace loupe::ranking {
namespace {

// Images by their hashes, which differ from group to group.
struct HashGroups {
  std::vector<uint64_t> hashes;             // [groups] ascending
  std::vector<std::vector<size_t>> images;  // [groups] ascending
};

HashGroups GroupsOf(std::span<const uint64_t> hashes) {
  std::vector<size_t> order(hashes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return hashes[a] < hashes[b]; });
  HashGroups groups;
  for (const size_t image : order) {
    if (groups.hashes.empty() || groups.hashes.back() != hashes[image]) {
      groups.hashes.push_back(hashes[image]);
      groups.images.emplace_back();
    }
    groups.images.back().push_back(image);
  }
  return groups;
}

// The groups of b, and an index of their hashes.
struct Searchable {
  Searchable(std::span<const uint64_t> hashes, int max_bits)
      : groups(GroupsOf(hashes)), index(groups.hashes, max_bits) {
    for (size_t g = 0; g < groups.hashes.size(); ++g) index.Add(groups.hashes[g], g);
  }

  HashGroups groups;
  HammingIndex index;
};

// The nearest image of b, of equally near ones the first. Requires: there is one.
HashPair NearestPair(const Searchable& b, size_t image, uint64_t hash) {
  HashPair nearest = {image, 0, HammingIndex::kMostBits + 1};
  b.index.Search(hash, [&](size_t g, int bits) {
    const size_t first = b.groups.images[g].front();
    if (std::pair(bits, first) < std::pair(nearest.bits, nearest.b)) nearest = {image, first, bits};
  });
  return nearest;
}

}  // namespace

absl::StatusOr<NearDuplicates> NearDuplicatePairs(std::span<const uint64_t> hashes_a,
                                                  std::span<const uint64_t> hashes_b,
                                                  const NearDuplicateOptions& options) {
  if (options.max_bits < 0 || options.max_bits > HammingIndex::kMostBits) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_bits must be 0 to ", HammingIndex::kMostBits, ", not ", options.max_bits));
  }
  const HashGroups a = GroupsOf(hashes_a);
  const Searchable b(hashes_b, options.max_bits);
  std::vector<uint64_t> partners(a.hashes.size());  // images of b near each group of a
  evaluation::ParallelFor(a.hashes.size(), options.threads, [&](size_t g) {
    b.index.Search(a.hashes[g], [&](size_t of_b, int) { partners[g] += b.groups.images[of_b].size(); });
  });
  NearDuplicates found;
  std::vector<size_t> paired;  // images of a
  for (size_t g = 0; g < partners.size(); ++g) {
    if (partners[g] == 0) continue;
    found.pair_count += a.images[g].size() * partners[g];
    paired.insert(paired.end(), a.images[g].begin(), a.images[g].end());
  }
  found.a_count = paired.size();
  std::sort(paired.begin(), paired.end());
  for (const size_t image : paired) {
    if (found.pairs.size() == options.max_pairs) break;
    found.pairs.push_back(NearestPair(b, image, hashes_a[image]));
  }
  return found;
}

}  // namespace loupe::ranking
