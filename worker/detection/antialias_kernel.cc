// Weights of bytes have 23 bits, and are applied exactly. Processors multiply 16-bit numbers in pairs and add
// each pair faster than anything else (AVX2's pmaddwd), so a weight is cut into two halves of 11 bits.

#include "worker/detection/antialias_kernel.h"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LOUPE_HAS_AVX2_KERNEL 1
#include <immintrin.h>
#endif

namespace loupe::detection {
namespace {

constexpr int64_t kChannels = 3;
constexpr int kWeightBits = 22;
constexpr int kHalfBits = 11;
constexpr int32_t kHalf = 1 << (kWeightBits - 1);  // rounds to the nearest

int32_t PairOf(int32_t first, int32_t second) { return first | second << 16; }

uint8_t RoundToByte(int32_t sum) {
  return static_cast<uint8_t>(std::clamp((sum + kHalf) >> kWeightBits, 0, 255));
}

void ResizeRowPlainly(const uint8_t* row, const Cover& cover, int64_t plane, int64_t begin, uint8_t* out) {
  for (int64_t x = begin; x < static_cast<int64_t>(cover.first.size()); ++x) {
    const uint8_t* pixel = row + cover.first[x] * kChannels;
    const int32_t* weights = cover.rounded.data() + x * cover.most;
    for (int64_t c = 0; c < kChannels; ++c) {
      int32_t sum = 0;
      for (int64_t i = 0; i < cover.count[x]; ++i) sum += pixel[i * kChannels + c] * weights[i];
      out[c * plane + x] = RoundToByte(sum);
    }
  }
}

void SumLinesPlainly(const uint8_t* const* lines, const Cover& cover, int64_t pixel, int64_t begin,
                     int64_t length, uint8_t* out) {
  const int32_t* weights = cover.rounded.data() + pixel * cover.most;
  for (int64_t at = begin; at < length; ++at) {
    int32_t sum = 0;
    for (int64_t i = 0; i < cover.count[pixel]; ++i) sum += lines[i][at] * weights[i];
    out[at] = RoundToByte(sum);
  }
}

#ifdef LOUPE_HAS_AVX2_KERNEL

// Sums of the upper and the lower halves of the weights, as one.
__attribute__((target("avx2"))) inline __m128i Joined(__m128i upper, __m128i lower) {
  return _mm_srai_epi32(_mm_add_epi32(_mm_slli_epi32(upper, kHalfBits), lower), kWeightBits);
}
__attribute__((target("avx2"))) inline __m256i Joined(__m256i upper, __m256i lower) {
  return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(upper, kHalfBits), lower), kWeightBits);
}

// Red, green and blue of a new pixel, as 32-bit numbers.
__attribute__((target("avx2"))) inline __m128i SumPixels(const uint8_t* pixel, const int32_t* pairs,
                                                         int64_t pair_count) {
  // Two pixels r g b r g b to 16-bit r r g g b b.
  const __m128i apart = _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  __m128i upper = _mm_setzero_si128(), lower = _mm_set1_epi32(kHalf);
  for (int64_t pair = 0; pair < pair_count; ++pair) {
    const __m128i two = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(pixel + 2 * kChannels * pair));
    const __m128i levels = _mm_shuffle_epi8(two, apart);
    upper = _mm_add_epi32(upper, _mm_madd_epi16(levels, _mm_set1_epi32(pairs[2 * pair])));
    lower = _mm_add_epi32(lower, _mm_madd_epi16(levels, _mm_set1_epi32(pairs[2 * pair + 1])));
  }
  return Joined(upper, lower);
}

// Four bytes of each channel from four pixels r g b 0, whose order in `bytes` the mask knows.
__attribute__((target("avx2"))) inline void StoreByChannel(__m128i bytes, __m128i by_channel, int64_t plane,
                                                           uint8_t* out) {
  const __m128i levels = _mm_shuffle_epi8(bytes, by_channel);
  _mm_storeu_si32(out, levels);
  _mm_storeu_si32(out + plane, _mm_srli_si128(levels, 4));
  _mm_storeu_si32(out + 2 * plane, _mm_srli_si128(levels, 8));
}

// Where no new pixel covers more than two. Returns the first that is left.
__attribute__((target("avx2"))) int64_t EnlargeRowAvx2(const uint8_t* row, const Cover& cover, int64_t plane,
                                                       uint8_t* out) {
  constexpr int64_t kTogether = 4;
  const __m256i apart =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  // The pixels come in the order 0 2 1 3.
  const __m128i by_channel = _mm_setr_epi8(0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15);
  const __m256i half = _mm256_set1_epi32(kHalf);
  const auto two = [&](int64_t x) __attribute__((target("avx2"))) {
    const auto load = [&](int64_t pixel) __attribute__((target("avx2"))) {
      return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + cover.first[pixel] * kChannels));
    };
    const __m256i levels = _mm256_shuffle_epi8(_mm256_set_m128i(load(x + 1), load(x)), apart);
    const auto* weights = reinterpret_cast<const __m256i*>(cover.wide_pairs.data() + x * 8);
    const __m256i upper = _mm256_madd_epi16(levels, _mm256_loadu_si256(weights));
    return Joined(upper, _mm256_add_epi32(_mm256_madd_epi16(levels, _mm256_loadu_si256(weights + 1)), half));
  };
  int64_t x = 0;
  for (; x + kTogether <= static_cast<int64_t>(cover.first.size()); x += kTogether) {
    const __m256i words = _mm256_packs_epi32(two(x), two(x + 2));
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    StoreByChannel(bytes, by_channel, plane, out + x);
  }
  return x;
}

__attribute__((target("avx2"))) void ResizeRowAvx2(const uint8_t* row, const Cover& cover, int64_t plane,
                                                   uint8_t* out) {
  constexpr int64_t kTogether = 4;
  // Four pixels r g b 0 to r r r r g g g g b b b b.
  const __m128i by_channel = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const auto width = static_cast<int64_t>(cover.first.size());
  const auto pixel = [&](int64_t x) __attribute__((target("avx2"))) {
    return SumPixels(row + cover.first[x] * kChannels, cover.pairs.data() + x * cover.most,
                     (cover.count[x] + 1) / 2);
  };
  int64_t x = cover.wide_pairs.empty() ? 0 : EnlargeRowAvx2(row, cover, plane, out);
  for (; x + kTogether <= width; x += kTogether) {
    const __m128i words = _mm_packs_epi32(pixel(x), pixel(x + 1));
    const __m128i bytes = _mm_packus_epi16(words, _mm_packs_epi32(pixel(x + 2), pixel(x + 3)));
    StoreByChannel(bytes, by_channel, plane, out + x);
  }
  ResizeRowPlainly(row, cover, plane, x, out);
}

__attribute__((target("avx2"))) void SumLinesAvx2(const uint8_t* const* lines, const Cover& cover,
                                                  int64_t pixel, int64_t length, uint8_t* out) {
  constexpr int64_t kTogether = 16;
  const int32_t* pairs = cover.pairs.data() + pixel * cover.most;
  const int64_t pair_count = (cover.count[pixel] + 1) / 2;
  int64_t at = 0;
  for (; at + kTogether <= length; at += kTogether) {
    __m256i upper[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __m256i lower[2] = {_mm256_set1_epi32(kHalf), _mm256_set1_epi32(kHalf)};
    for (int64_t pair = 0; pair < pair_count; ++pair) {
      const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lines[2 * pair] + at));
      const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(lines[2 * pair + 1] + at));
      const __m256i levels[2] = {_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(first, second)),
                                 _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(first, second))};
      const __m256i upper_weights = _mm256_set1_epi32(pairs[2 * pair]);
      const __m256i lower_weights = _mm256_set1_epi32(pairs[2 * pair + 1]);
      for (int half = 0; half < 2; ++half) {
        upper[half] = _mm256_add_epi32(upper[half], _mm256_madd_epi16(levels[half], upper_weights));
        lower[half] = _mm256_add_epi32(lower[half], _mm256_madd_epi16(levels[half], lower_weights));
      }
    }
    const __m256i words = _mm256_permute4x64_epi64(
        _mm256_packs_epi32(Joined(upper[0], lower[0]), Joined(upper[1], lower[1])), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + at), bytes);
  }
  SumLinesPlainly(lines, cover, pixel, at, length, out);
}

bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

#endif

}  // namespace

Cover MakeCover(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(scale, 1.0);  // half the triangle's width
  Cover cover;
  cover.most = 2 * (static_cast<int64_t>(std::ceil(reach)) + 1);
  const auto size = static_cast<size_t>(to * cover.most);
  cover.shares.resize(size);
  cover.rounded.resize(size);
  cover.pairs.resize(size);
  for (int64_t pixel = 0; pixel < to; ++pixel) {
    const double centre = (static_cast<double>(pixel) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - reach + 0.5));
    const int64_t count = std::min(from, static_cast<int64_t>(centre + reach + 0.5)) - first;
    cover.first.push_back(first);
    cover.count.push_back(count);
    double* shares = cover.shares.data() + pixel * cover.most;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double distance = std::abs((static_cast<double>(first + i) - centre + 0.5) * (1.0 / reach));
      shares[i] = std::max(0.0, 1 - distance);
      sum += shares[i];
    }
    int32_t* rounded = cover.rounded.data() + pixel * cover.most;
    for (int64_t i = 0; i < count; ++i) {
      shares[i] /= sum;
      rounded[i] = static_cast<int32_t>(shares[i] * (1 << kWeightBits) + 0.5);
    }
    int32_t* pairs = cover.pairs.data() + pixel * cover.most;
    constexpr int32_t kLower = (1 << kHalfBits) - 1;
    for (int64_t i = 0; i + 1 < cover.most; i += 2) {
      pairs[i] = PairOf(rounded[i] >> kHalfBits, rounded[i + 1] >> kHalfBits);
      pairs[i + 1] = PairOf(rounded[i] & kLower, rounded[i + 1] & kLower);
    }
  }
  if (*std::max_element(cover.count.begin(), cover.count.end()) > 2) return cover;
  constexpr int64_t kLanes = 4;
  for (int64_t pixel = 0; pixel + 1 < to; pixel += 2) {
    for (int half = 0; half < 2; ++half) {
      for (const int64_t one : {pixel, pixel + 1}) {
        cover.wide_pairs.insert(cover.wide_pairs.end(), kLanes, cover.pairs[one * cover.most + half]);
      }
    }
  }
  return cover;
}

void ResizeRow(const uint8_t* row, const Cover& cover, int64_t plane, uint8_t* out) {
#ifdef LOUPE_HAS_AVX2_KERNEL
  if (HasAvx2()) return ResizeRowAvx2(row, cover, plane, out);
#endif
  ResizeRowPlainly(row, cover, plane, 0, out);
}

void ResizeRow(const float* row, const Cover& cover, int64_t plane, float* out) {
  for (int64_t x = 0; x < static_cast<int64_t>(cover.first.size()); ++x) {
    const float* pixel = row + cover.first[x] * kChannels;
    const double* shares = cover.shares.data() + x * cover.most;
    float sums[kChannels] = {};
    for (int64_t i = 0; i < cover.count[x]; ++i) {
      for (int64_t c = 0; c < kChannels; ++c)
        sums[c] += pixel[i * kChannels + c] * static_cast<float>(shares[i]);
    }
    for (int64_t c = 0; c < kChannels; ++c) out[c * plane + x] = sums[c];
  }
}

void SumLines(const uint8_t* const* lines, const Cover& cover, int64_t pixel, int64_t length, uint8_t* out) {
#ifdef LOUPE_HAS_AVX2_KERNEL
  if (HasAvx2()) return SumLinesAvx2(lines, cover, pixel, length, out);
#endif
  SumLinesPlainly(lines, cover, pixel, 0, length, out);
}

void SumLines(const float* const* lines, const Cover& cover, int64_t pixel, int64_t length, float* out) {
  std::fill_n(out, length, 0.0F);
  for (int64_t i = 0; i < cover.count[pixel]; ++i) {
    const auto share = static_cast<float>(cover.shares[static_cast<size_t>(pixel * cover.most + i)]);
    const float* line = lines[i];
    for (int64_t at = 0; at < length; ++at) out[at] += share * line[at];
  }
}

}  // namespace loupe::detection
