// The mean of a bilinear interpolation over a bin's sampling points is a product of two sums, one over rows
// and one over columns. So each row of bins is first summed over the map's rows into one line of cells; then
// the bins of that row are summed from this line. Neighbouring sampling points share cells and are merged.

#include "worker/detection/roi_align_kernel.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "worker/detection/kernel.h"
#include "worker/detection/parallel.h"

namespace loupe::detection {
namespace {

// The fewest channels of an image that a thread takes: one cache line, so that threads never share one.
constexpr int64_t kChannelGrain = 16;

// Which cells a bin sums along one axis.
struct Tap {
  int64_t cell = 0;
  float weight = 0;
};

struct AxisTaps {
  std::vector<Tap> taps;       // by bin
  std::vector<int64_t> begin;  // [S + 1], where each bin's taps start
};

void AddTap(int64_t cell, float weight, size_t bin_begin, std::vector<Tap>& taps) {
  for (size_t i = taps.size(); i-- > bin_begin;) {
    if (taps[i].cell != cell) continue;
    taps[i].weight += weight;
    return;
  }
  taps.push_back({cell, weight});
}

// `low` and `high` are the box's two coordinates on the axis, `size` the number of the map's cells.
void FindTaps(float low, float high, int64_t size, const RoiAlignOptions& options, AxisTaps& axis) {
  const float side = options.aligned ? high - low : std::max(high - low, 1.0f);
  const float bin = side / static_cast<float>(options.output_size);
  const int64_t points =
      options.sampling_ratio > 0 ? options.sampling_ratio : static_cast<int64_t>(std::ceil(bin));
  const float share = 1.0f / static_cast<float>(points);
  axis.taps.clear();
  axis.begin.assign(1, 0);
  for (int64_t index = 0; index < options.output_size; ++index) {
    const size_t bin_begin = axis.taps.size();
    for (int64_t point = 0; point < points; ++point) {
      const float position = low + static_cast<float>(index) * bin +
                             (static_cast<float>(point) + 0.5f) * bin / static_cast<float>(points);
      if (!(position >= -1.0f && position <= static_cast<float>(size))) continue;
      const float clamped = std::clamp(position, 0.0f, static_cast<float>(size - 1));
      const auto cell = static_cast<int64_t>(clamped);
      const float fraction = clamped - static_cast<float>(cell);
      AddTap(cell, (1 - fraction) * share, bin_begin, axis.taps);
      if (fraction > 0) AddTap(cell + 1, fraction * share, bin_begin, axis.taps);
    }
    axis.begin.push_back(static_cast<int64_t>(axis.taps.size()));
  }
}

// The cells that a box's bins read. Reused for the next box.
struct Plan {
  AxisTaps rows;
  AxisTaps columns;  // cell: index into used_columns
  std::vector<int64_t> used_columns;
  std::vector<float> line;  // [used_columns, channels]
};

void MakePlan(const PoolJob& job, const MapView& map, const RoiAlignOptions& options, int64_t channels,
              Plan& plan) {
  FindTaps(job.box[1], job.box[3], map.height, options, plan.rows);
  FindTaps(job.box[0], job.box[2], map.width, options, plan.columns);
  plan.used_columns.clear();
  // Cells are in ascending order, except where neighbouring bins overlap.
  for (Tap& tap : plan.columns.taps) {
    const auto place = std::lower_bound(plan.used_columns.begin(), plan.used_columns.end(), tap.cell);
    if (place == plan.used_columns.end() || *place != tap.cell) plan.used_columns.insert(place, tap.cell);
  }
  for (Tap& tap : plan.columns.taps) {
    tap.cell = std::lower_bound(plan.used_columns.begin(), plan.used_columns.end(), tap.cell) -
               plan.used_columns.begin();
  }
  plan.line.resize(plan.used_columns.size() * channels);
}

// target[c] += weight * source[c]
LOUPE_KERNEL_PART void AddScaled(const float* __restrict source, float weight, int64_t channels,
                                 float* __restrict target) {
  for (int64_t c = 0; c < channels; ++c) target[c] += weight * source[c];
}

// target[c] = sum of weighted sources; up to four in one pass over `target`.
LOUPE_KERNEL_PART void SumTaps(const float* base, int64_t stride, const Tap* taps, int64_t count,
                               int64_t channels, float* __restrict target) {
  const auto source = [&](int64_t i) { return base + taps[i].cell * stride; };
  if (count == 0) {
    std::fill_n(target, channels, 0.0f);
    return;
  }
  int64_t done = 1;
  if (count >= 3) {
    const float *a = source(0), *b = source(1), *d = source(2);
    const float wa = taps[0].weight, wb = taps[1].weight, wd = taps[2].weight;
    for (int64_t c = 0; c < channels; ++c) target[c] = wa * a[c] + wb * b[c] + wd * d[c];
    done = 3;
  } else if (count == 2) {
    const float *a = source(0), *b = source(1);
    const float wa = taps[0].weight, wb = taps[1].weight;
    for (int64_t c = 0; c < channels; ++c) target[c] = wa * a[c] + wb * b[c];
    done = 2;
  } else {
    const float* a = source(0);
    const float wa = taps[0].weight;
    for (int64_t c = 0; c < channels; ++c) target[c] = wa * a[c];
  }
  for (; done < count; ++done) AddScaled(source(done), taps[done].weight, channels, target);
}

// One box forward: map [height, width, channels] of its image, pooled [S, S, channels].
LOUPE_CPU_KERNEL void PoolBox(const float* map, int64_t width, int64_t channels, int64_t size, Plan& plan,
                              float* pooled) {
  float* line = plan.line.data();
  for (int64_t row = 0; row < size; ++row) {
    const Tap* row_taps = plan.rows.taps.data() + plan.rows.begin[row];
    const int64_t row_count = plan.rows.begin[row + 1] - plan.rows.begin[row];
    for (size_t i = 0; i < plan.used_columns.size(); ++i) {
      SumTaps(map + plan.used_columns[i] * channels, width * channels, row_taps, row_count, channels,
              line + i * channels);
    }
    for (int64_t column = 0; column < size; ++column) {
      const Tap* taps = plan.columns.taps.data() + plan.columns.begin[column];
      const int64_t count = plan.columns.begin[column + 1] - plan.columns.begin[column];
      SumTaps(line, channels, taps, count, channels, pooled + (row * size + column) * channels);
    }
  }
}

// One box backward, for `count` channels. The pointers point at the first of them.
LOUPE_CPU_KERNEL void UnpoolBox(const float* gradient, int64_t width, int64_t channels, int64_t count,
                                int64_t size, Plan& plan, float* map) {
  float* line = plan.line.data();
  for (int64_t row = 0; row < size; ++row) {
    std::fill_n(line, plan.used_columns.size() * count, 0.0f);
    for (int64_t column = 0; column < size; ++column) {
      const float* source = gradient + (row * size + column) * channels;
      for (int64_t t = plan.columns.begin[column]; t < plan.columns.begin[column + 1]; ++t) {
        const Tap& tap = plan.columns.taps[t];
        AddScaled(source, tap.weight, count, line + tap.cell * count);
      }
    }
    for (int64_t t = plan.rows.begin[row]; t < plan.rows.begin[row + 1]; ++t) {
      const Tap& tap = plan.rows.taps[t];
      for (size_t i = 0; i < plan.used_columns.size(); ++i) {
        AddScaled(line + i * count, tap.weight, count,
                  map + (tap.cell * width + plan.used_columns[i]) * channels);
      }
    }
  }
}

}  // namespace

void PoolForward(const std::vector<MapView>& maps, const std::vector<PoolJob>& jobs,
                 const RoiAlignOptions& options, float* pooled) {
  ParallelFor(static_cast<int64_t>(jobs.size()), /*grain_size=*/4, [&](int64_t begin, int64_t end) {
    Plan plan;
    for (int64_t i = begin; i < end; ++i) {
      const MapView& map = maps[jobs[i].level];
      MakePlan(jobs[i], map, options, map.channels, plan);
      const int64_t size = options.output_size;
      PoolBox(map.data + jobs[i].image * map.height * map.width * map.channels, map.width, map.channels, size,
              plan, pooled + i * size * size * map.channels);
    }
  });
}

void PoolBackward(const std::vector<MapView>& maps, int64_t image_count, const std::vector<PoolJob>& jobs,
                  const RoiAlignOptions& options, const float* pooled_gradients) {
  const int64_t channels = maps[0].channels;
  const int64_t size = options.output_size;
  std::vector<std::vector<int64_t>> by_image(image_count);
  for (size_t i = 0; i < jobs.size(); ++i) by_image[jobs[i].image].push_back(static_cast<int64_t>(i));
  // A part is some channels of one image, so no two threads add to the same cell, and the order is always the
  // same.
  const int64_t wanted_parts = (at::get_num_threads() + image_count - 1) / image_count;
  const int64_t grains = (channels + kChannelGrain - 1) / kChannelGrain;
  const int64_t parts = std::clamp<int64_t>(wanted_parts, 1, grains);
  const int64_t part_channels = (grains + parts - 1) / parts * kChannelGrain;
  ParallelFor(image_count * parts, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    Plan plan;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item % parts * part_channels;
      const int64_t count = std::min(part_channels, channels - first);
      if (count <= 0) continue;
      for (const int64_t i : by_image[item / parts]) {
        const MapView& map = maps[jobs[i].level];
        MakePlan(jobs[i], map, options, count, plan);
        UnpoolBox(pooled_gradients + i * size * size * channels + first, map.width, channels, count, size,
                  plan, map.data + jobs[i].image * map.height * map.width * channels + first);
      }
    }
  });
}

}  // namespace loupe::detection
