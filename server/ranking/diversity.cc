#include "server/ranking/diversity.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cmath>
#include <thread>

#include "absl/strings/str_cat.h"
#include "evaluation/parallel_for.h"
#include "server/ranking/half_float.h"

namespace loupe::ranking {
namespace {

// The nearest half float. Requires: |value| <= 1.
uint16_t ToHalf(double value) {
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(std::abs(value)) * 0x1p-112F);
  return static_cast<uint16_t>((bits + 0x1000U) >> 13U | (std::signbit(value) ? 0x8000U : 0U));
}

void PlainProducts(const RowGroup& rows, size_t length, const float* point, GroupLanes& lanes) {
  for (size_t r = 0; r < kGroupRows; ++r) {
    std::array<float, kLanes> sums{};
    for (size_t k = 0; k < length; k += kLanes) {
      for (size_t i = 0; i < kLanes; ++i) sums[i] += FromHalf(rows[r][k + i]) * point[k + i];
    }
    lanes[r] = sums;
  }
}

#ifdef __x86_64__
__attribute__((target("avx512f"))) void Avx512Products(const RowGroup& rows, size_t length,
                                                       const float* point, GroupLanes& lanes) {
  __m512 sums[kGroupRows] = {};
  for (size_t k = 0; k < length; k += kLanes) {
    const __m512 factor = _mm512_loadu_ps(point + k);
    for (size_t r = 0; r < kGroupRows; ++r) {
      const __m256i halves = _mm256_load_si256(reinterpret_cast<const __m256i*>(rows[r] + k));
      // Not the plain _mm512_cvtph_ps, of which GCC 12 warns.
      sums[r] = _mm512_fmadd_ps(_mm512_maskz_cvtph_ps(0xffff, halves), factor, sums[r]);
    }
  }
  for (size_t r = 0; r < kGroupRows; ++r) _mm512_storeu_ps(lanes[r].data(), sums[r]);
}

__attribute__((target("avx2,fma,f16c"))) void Avx2Products(const RowGroup& rows, size_t length,
                                                           const float* point, GroupLanes& lanes) {
  constexpr size_t kHalf = kLanes / 2;
  __m256 sums[2 * kGroupRows] = {};
  for (size_t k = 0; k < length; k += kLanes) {
    const __m256 factors[2] = {_mm256_loadu_ps(point + k), _mm256_loadu_ps(point + k + kHalf)};
    for (size_t i = 0; i < 2 * kGroupRows; ++i) {
      const uint16_t* place = rows[i / 2] + k + i % 2 * kHalf;
      const __m128i halves = _mm_load_si128(reinterpret_cast<const __m128i*>(place));
      sums[i] = _mm256_fmadd_ps(_mm256_cvtph_ps(halves), factors[i % 2], sums[i]);
    }
  }
  for (size_t i = 0; i < 2 * kGroupRows; ++i) _mm256_storeu_ps(&lanes[i / 2][i % 2 * kHalf], sums[i]);
}
#endif

// Always in the same order.
float SumOf(const std::array<float, kLanes>& lanes) {
  using Lanes4 = float __attribute__((vector_size(16), aligned(4), may_alias));
  const auto* four = reinterpret_cast<const Lanes4*>(lanes.data());
  const Lanes4 sums = (four[0] + four[1]) + (four[2] + four[3]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// A row as floats, with distances from it.
class Point {
 public:
  Point(const Embeddings& embeddings, size_t i)
      : values_(embeddings.row_length()), squared_length_(embeddings.squared_length(i)) {
    const uint16_t* row = embeddings.row(i);
    for (size_t k = 0; k < values_.size(); ++k) values_[k] = FromHalf(row[k]);
  }

  // distances[i] = d² to row begin + i; exactly 0 to an equal row.
  void SquaredDistances(const Embeddings& rows, size_t begin, size_t count, float* distances) const {
    static const ProductKernel multiply = UsableProductKernels().front();
    alignas(64) GroupLanes lanes;
    for (size_t i = 0; i < count; i += kGroupRows) {
      RowGroup group;
      for (size_t r = 0; r < kGroupRows; ++r) group[r] = rows.row(begin + std::min(i + r, count - 1));
      multiply(group, values_.size(), values_.data(), lanes);
      for (size_t r = 0; r < std::min(kGroupRows, count - i); ++r) {
        const float lengths = rows.squared_length(begin + i + r) + squared_length_;
        distances[i + r] = std::max(lengths - 2 * SumOf(lanes[r]), 0.0F);
      }
    }
  }

 private:
  std::vector<float> values_;
  float squared_length_;
};

struct Best {
  double gain = -1;
  size_t index = 0;
};

// The distance of each candidate from all centres, and which candidate is to be taken next.
class Cover {
 public:
  Cover(const Embeddings& candidates, std::span<const double> weights, int threads)
      : candidates_(candidates), nearest_(candidates.size(), kFarthest) {
    if (threads > 0) thread_limit_ = static_cast<size_t>(threads);
    // Squared, so that gains compare without a square root; divided by the largest, so that none overflows.
    const double largest = weights.empty() ? 0 : *std::max_element(weights.begin(), weights.end());
    for (const double weight : weights) {
      const double part = largest > 0 ? weight / largest : 0;
      squared_weights_.push_back(part * part);
    }
    bests_.resize((candidates.size() + kBlockRows - 1) / kBlockRows);
  }

  // Adds `count` centres from `first` on in one pass over the candidates: a block of candidates stays in the
  // cache while all centres are compared with it.
  void Add(const Embeddings& centres, size_t first, size_t count) {
    const size_t pairs = candidates_.size() * std::max<size_t>(count, 1);
    const size_t threads = std::clamp<size_t>(pairs / kPairsPerThread, 1, thread_limit_);
    evaluation::ParallelFor(bests_.size(), static_cast<int>(threads), [&](size_t block) {
      const size_t begin = block * kBlockRows;
      const size_t end = std::min(begin + kBlockRows, candidates_.size());
      for (size_t c = first; c < first + count; ++c) AddToRows(Point(centres, c), begin, end);
      bests_[block] = BestOfRows(begin, end);
    });
  }

  // Takes the best candidate; call Add before the next Take. Requires: a candidate is left.
  size_t Take() {
    const auto less = [](const Best& a, const Best& b) { return a.gain < b.gain; };
    const size_t taken = std::max_element(bests_.begin(), bests_.end(), less)->index;
    nearest_[taken] = kTaken;
    return taken;
  }

 private:
  static constexpr float kFarthest = 4;  // (length 1 + length 1)²
  static constexpr float kTaken = -1;
  static constexpr size_t kBlockRows = 256;
  // Some tenths of a millisecond of work: several times the cost of starting a thread.
  static constexpr size_t kPairsPerThread = 32768;

  void AddToRows(const Point& centre, size_t begin, size_t end) {
    std::array<float, kBlockRows> distances;
    centre.SquaredDistances(candidates_, begin, end - begin, distances.data());
    for (size_t i = begin; i < end; ++i) nearest_[i] = std::min(nearest_[i], distances[i - begin]);
  }

  Best BestOfRows(size_t begin, size_t end) const {
    Best best;
    for (size_t i = begin; i < end; ++i) {
      const double gain = squared_weights_[i] * nearest_[i];
      if (gain > best.gain && nearest_[i] != kTaken) best = {gain, i};
    }
    return best;
  }

  const Embeddings& candidates_;
  size_t thread_limit_ = std::max(1U, std::thread::hardware_concurrency());
  std::vector<double> squared_weights_;
  std::vector<float> nearest_;  // squared distances, or kTaken
  std::vector<Best> bests_;     // by block
};

// Finds hashes that differ in at most kDuplicateHashBits of 64 bits. Hashes are split into bands and stored
// under each band: two such hashes differ in at most kBandBits in one of their bands. Source: Norouzi,
// Punjani and Fleet 2012, "Fast search in Hamming space with multi-index hashing".
class HashIndex {
 public:
  HashIndex() : filed_(kBands * kBandValues) {
    for (uint32_t flips = 0; flips < kBandValues; ++flips) {
      if (std::popcount(flips) <= kBandBits) flips_.push_back(flips);
    }
  }

  void Add(uint64_t hash, size_t image) {
    for (size_t band = 0; band < kBands; ++band) filed_[Place(hash, band)].push_back({hash, image});
  }

  // Calls visit(image) for each image whose hash is near, possibly more than once.
  template <typename Visit>
  void ForEachNear(uint64_t hash, const Visit& visit) const {
    for (size_t band = 0; band < kBands; ++band) {
      for (const uint32_t flips : flips_) {
        for (const Entry& entry : filed_[Place(hash, band) ^ flips]) {
          if (std::popcount(entry.hash ^ hash) <= kDuplicateHashBits) visit(entry.image);
        }
      }
    }
  }

 private:
  static constexpr size_t kBands = 4;
  static constexpr size_t kBandValues = 1U << 16U;
  static constexpr int kBandBits = kDuplicateHashBits / static_cast<int>(kBands);
  struct Entry {
    uint64_t hash;
    size_t image;
  };

  static size_t Place(uint64_t hash, size_t band) {
    return band * kBandValues + (hash >> (16 * band)) % kBandValues;
  }

  std::vector<uint32_t> flips_;            // what may differ in a band
  std::vector<std::vector<Entry>> filed_;  // [kBands * kBandValues]
};

}  // namespace

absl::Status Embeddings::Append(std::string_view half_floats) {
  if (half_floats.size() != 2 * width_) {
    return absl::InvalidArgumentError(
        absl::StrCat("an embedding of ", half_floats.size(), " bytes, where ", 2 * width_, " were expected"));
  }
  std::vector<float> values(width_);
  double squared_length = 0;
  for (size_t k = 0; k < width_; ++k) {
    const uint16_t half = HalfAt(half_floats, k);
    if (!IsFinite(half)) {
      return absl::InvalidArgumentError(absl::StrCat("number ", k, " of an embedding is not finite"));
    }
    values[k] = FromHalf(half);
    squared_length += double{values[k]} * values[k];
  }
  const double length = squared_length > 0 ? std::sqrt(squared_length) : 1;
  lines_.resize(lines_.size() + lines_per_row_);
  uint16_t* row = lines_[lines_.size() - lines_per_row_].halves.data();
  std::array<float, kLanes> lanes{};
  for (size_t k = 0; k < width_; ++k) {
    row[k] = ToHalf(values[k] / length);
    lanes[k % kLanes] += FromHalf(row[k]) * FromHalf(row[k]);
  }
  squared_lengths_.push_back(SumOf(lanes));
  return absl::OkStatus();
}

const std::vector<ProductKernel>& UsableProductKernels() {
  static const std::vector<ProductKernel> usable = [] {
    std::vector<ProductKernel> kernels;
#ifdef __x86_64__
    // All processors with AVX2 have F16C, which clang can't ask for.
    if (__builtin_cpu_supports("avx512f")) kernels.push_back(Avx512Products);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernels.push_back(Avx2Products);
#endif
    kernels.push_back(PlainProducts);
    return kernels;
  }();
  return usable;
}

std::vector<size_t> WeightedKCenter(const Embeddings& candidates, std::span<const double> weights,
                                    const Embeddings& centres, size_t count, int threads) {
  std::vector<size_t> taken;
  Cover cover(candidates, weights, threads);
  cover.Add(centres, 0, centres.size());
  while (taken.size() < std::min(count, candidates.size())) {
    if (!taken.empty()) cover.Add(candidates, taken.back(), 1);
    taken.push_back(cover.Take());
  }
  return taken;
}

std::vector<size_t> MergeNearDuplicates(std::span<const std::optional<uint64_t>> hashes,
                                        const Embeddings& embeddings) {
  constexpr double kSquaredDistance = 2 - 2 * kDuplicateCosine;
  std::vector<size_t> firsts(hashes.size());
  HashIndex index;
  for (size_t i = 0; i < hashes.size(); ++i) {
    firsts[i] = i;
    if (!hashes[i].has_value()) continue;
    const Point point(embeddings, i);
    index.ForEachNear(*hashes[i], [&](size_t earlier) {
      if (earlier >= firsts[i]) return;
      std::array<float, 4> distance;
      point.SquaredDistances(embeddings, earlier, 1, distance.data());
      if (distance[0] <= kSquaredDistance) firsts[i] = earlier;
    });
    if (firsts[i] == i) index.Add(*hashes[i], i);
  }
  return firsts;
}

}  // namespace loupe::ranking
