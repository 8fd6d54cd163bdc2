// The kernels of ResizeAntialiased, on plain arrays.

#ifndef LOUPE_WORKER_DETECTION_ANTIALIAS_KERNEL_H_
#define LOUPE_WORKER_DETECTION_ANTIALIAS_KERNEL_H_

#include <cstdint>
#include <vector>

namespace loupe::detection {

// Which pixels of a side each pixel of the new side covers, and with which share.
struct Cover {
  std::vector<int64_t> first;    // [new side]
  std::vector<int64_t> count;    // [new side], each from 1 to `most`
  std::vector<double> shares;    // [new side, most], zeros after `count`; each pixel's sum is 1
  int64_t most = 0;              // even
  std::vector<int32_t> rounded;  // `shares` in multiples of 2^-22, as Pillow rounds them
  // `rounded` in halves of 11 bits, two neighbours at a time: {low 16 bits: the first's, high: the second's}
  // of the upper halves, then of the lower halves. [new side, most / 2, 2]
  std::vector<int32_t> pairs;
  // Where no pixel covers more than two, as in a larger side: its only pair, each half four times, for two
  // pixels at once: {upper of both, lower of both}. [new side / 2, 2, 2, 4]; else empty
  std::vector<int32_t> wide_pairs;
};

// Source: Pillow, src/libImaging/Resample.c, precompute_coeffs and normalize_coeffs_8bpc.
Cover MakeCover(int64_t from, int64_t to);

// Bytes after the pixels of a row that the kernels may read.
constexpr int64_t kRowPadding = 16;

// A row of pixels [W, 3] to three lines of the new width, one per channel, `plane` values apart. Bytes are
// rounded to bytes.
void ResizeRow(const uint8_t* row, const Cover& cover, int64_t plane, uint8_t* out);
void ResizeRow(const float* row, const Cover& cover, int64_t plane, float* out);

// The line `pixel` of the new height: the weighted sum of the lines that it covers. lines: [cover.most];
// those after its count may be any that can be read.
void SumLines(const uint8_t* const* lines, const Cover& cover, int64_t pixel, int64_t length, uint8_t* out);
void SumLines(const float* const* lines, const Cover& cover, int64_t pixel, int64_t length, float* out);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ANTIALIAS_KERNEL_H_
