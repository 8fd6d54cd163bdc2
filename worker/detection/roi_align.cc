#include "worker/detection/roi_align.h"

#include <torch/autograd.h>

#include <cmath>
#include <utility>

#include "worker/detection/boxes.h"
#include "worker/detection/roi_align_kernel.h"

namespace loupe::detection {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int kCanonicalLevel = 4;  // stride 2^4

// A cell's centre in an aligned map.
constexpr float kHalfCell = 0.5f;

std::vector<PoolJob> MakeJobs(const Rois& rois, const std::vector<int64_t>& strides, bool aligned) {
  const auto boxes = rois.boxes.contiguous();
  const auto images = rois.images.contiguous();
  const auto levels = rois.levels.contiguous();
  std::vector<PoolJob> jobs(boxes.size(0));
  for (int64_t i = 0; i < boxes.size(0); ++i) {
    const float* box = boxes.data_ptr<float>() + 4 * i;
    PoolJob& job = jobs[i];
    job.image = images.data_ptr<int64_t>()[i];
    job.level = levels.data_ptr<int64_t>()[i];
    const float scale = 1.0f / static_cast<float>(strides[job.level]);
    for (int side = 0; side < 4; ++side) job.box[side] = box[side] * scale - (aligned ? kHalfCell : 0);
  }
  return jobs;
}

// A view of [N, F, H, W] as a plain channels-last array. `map` must outlive it.
MapView ViewMap(const torch::Tensor& map) {
  return {map.data_ptr<float>(), map.size(2), map.size(3), map.size(1)};
}

// The kernels as one differentiable function. Inputs: the maps, channels-last.
class PoolFunction : public torch::autograd::Function<PoolFunction> {
 public:
  static torch::Tensor forward(AutogradContext* context, at::TensorList features,
                               const std::vector<int64_t>& strides, const Rois& rois,
                               RoiAlignOptions options) {
    const auto jobs = MakeJobs(rois, strides, options.aligned);
    std::vector<MapView> views;
    for (const auto& map : features) views.push_back(ViewMap(map));
    const int64_t size = options.output_size;
    auto pooled = torch::empty({static_cast<int64_t>(jobs.size()), features[0].size(1), size, size},
                               features[0].options(), torch::MemoryFormat::ChannelsLast);
    PoolForward(views, jobs, options, pooled.data_ptr<float>());
    std::vector<int64_t> shapes;
    for (const auto& map : features) shapes.insert(shapes.end(), map.sizes().begin(), map.sizes().end());
    context->save_for_backward({rois.boxes, rois.images, rois.levels});
    context->saved_data["strides"] = strides;
    context->saved_data["shapes"] = shapes;
    context->saved_data["output_size"] = options.output_size;
    context->saved_data["sampling_ratio"] = options.sampling_ratio;
    context->saved_data["aligned"] = options.aligned;
    return pooled;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto strides = context->saved_data["strides"].toIntVector();
    const auto shapes = context->saved_data["shapes"].toIntVector();
    const RoiAlignOptions options{context->saved_data["output_size"].toInt(),
                                  context->saved_data["sampling_ratio"].toInt(),
                                  context->saved_data["aligned"].toBool()};
    const auto jobs = MakeJobs({saved[0], saved[1], saved[2]}, strides, options.aligned);
    const auto gradient = gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
    variable_list results;
    std::vector<MapView> views;
    for (size_t level = 0; level < strides.size(); ++level) {
      const torch::IntArrayRef shape(shapes.data() + 4 * level, 4);
      results.push_back(torch::empty(shape, gradient.options(), torch::MemoryFormat::ChannelsLast).zero_());
      views.push_back(ViewMap(results.back()));
    }
    PoolBackward(views, shapes[0], jobs, options, gradient.data_ptr<float>());
    results.resize(results.size() + 3);  // strides, boxes and options have no gradient
    return results;
  }
};

// Length [P] of a bin along one axis, in cells.
torch::Tensor BinSides(const torch::Tensor& low, const torch::Tensor& high, const RoiAlignOptions& options) {
  const auto side = high - low;
  return (options.aligned ? side : side.clamp_min(1.0)) / options.output_size;
}

// Sampling positions [P, S * points] along one axis, in cells.
torch::Tensor SamplePositions(const torch::Tensor& low, const torch::Tensor& high, int64_t points,
                              const RoiAlignOptions& options) {
  const auto bin = BinSides(low, high, options).unsqueeze(1);
  const auto index = torch::arange(options.output_size * points, low.options().dtype(torch::kInt64));
  const auto bin_index = index.div(points, "floor").to(low.scalar_type()).unsqueeze(0);
  const auto point = index.remainder(points).to(low.scalar_type()).unsqueeze(0);
  return low.unsqueeze(1) + bin_index * bin + (point + 0.5) * bin / points;
}

struct Interpolation {
  torch::Tensor low, high;                // [P, n] int64 cells
  torch::Tensor low_weight, high_weight;  // [P, n]
};

Interpolation Interpolate(const torch::Tensor& positions, int64_t size) {
  const auto inside = positions.ge(-1.0).logical_and(positions.le(static_cast<double>(size)));
  const auto clamped = positions.clamp(0, static_cast<double>(size - 1));
  const auto floor = clamped.floor();
  const auto mask = inside.to(positions.scalar_type());
  const auto fraction = clamped - floor;
  const auto low = floor.to(torch::kInt64);
  return {low, (low + 1).clamp_max(size - 1), (1 - fraction) * mask, fraction * mask};
}

// Sampling points per bin and axis.
struct Points {
  int64_t x = 0;
  int64_t y = 0;
};

// Boxes of one level that have the same points: map [N, F, H, W], boxes [P, 4] in cells, images [P]. Returns
// [P, S, S, F].
torch::Tensor PoolAlike(const torch::Tensor& map, const torch::Tensor& boxes, const torch::Tensor& images,
                        Points points, const RoiAlignOptions& options) {
  const auto x =
      Interpolate(SamplePositions(boxes.select(1, 0), boxes.select(1, 2), points.x, options), map.size(3));
  const auto y =
      Interpolate(SamplePositions(boxes.select(1, 1), boxes.select(1, 3), points.y, options), map.size(2));
  const auto cells = map.permute({0, 2, 3, 1});
  const auto image = images.view({-1, 1, 1});
  const auto tap = [&](const torch::Tensor& row, const torch::Tensor& column, const torch::Tensor& row_weight,
                       const torch::Tensor& column_weight) {
    const auto weight = row_weight.unsqueeze(2) * column_weight.unsqueeze(1);
    return cells.index({image, row.unsqueeze(2), column.unsqueeze(1)}) * weight.unsqueeze(3);
  };
  const auto samples =
      tap(y.low, x.low, y.low_weight, x.low_weight) + tap(y.low, x.high, y.low_weight, x.high_weight) +
      tap(y.high, x.low, y.high_weight, x.low_weight) + tap(y.high, x.high, y.high_weight, x.high_weight);
  const int64_t size = options.output_size;
  return samples.view({boxes.size(0), size, points.y, size, points.x, map.size(1)}).mean({2, 4});
}

// One level, as PoolAlike.
torch::Tensor PoolLevel(const torch::Tensor& map, const torch::Tensor& boxes, const torch::Tensor& images,
                        const RoiAlignOptions& options) {
  const int64_t ratio = options.sampling_ratio;
  if (ratio > 0) return PoolAlike(map, boxes, images, {ratio, ratio}, options);
  const auto points = [&](int64_t axis) {
    return BinSides(boxes.select(1, axis), boxes.select(1, axis + 2), options).ceil().clamp_min(0);
  };
  const auto of_boxes = torch::stack({points(0), points(1)}, 1).to(torch::kInt64);
  const auto [kinds, kind_of, counts] = torch::unique_dim(of_boxes, 0, /*sorted=*/true, /*inverse=*/true);
  const auto kinds_here = kinds.cpu();
  auto pooled = map.new_zeros({boxes.size(0), options.output_size, options.output_size, map.size(1)});
  for (int64_t kind = 0; kind < kinds_here.size(0); ++kind) {
    const Points alike = {kinds_here[kind][0].item<int64_t>(), kinds_here[kind][1].item<int64_t>()};
    if (alike.x == 0 || alike.y == 0) continue;
    const auto members = kind_of.eq(kind).nonzero().squeeze(1);
    pooled = pooled.index_copy(
        0, members,
        PoolAlike(map, boxes.index_select(0, members), images.index_select(0, members), alike, options));
  }
  return pooled;
}

}  // namespace

torch::Tensor PyramidLevels(const torch::Tensor& boxes, const std::vector<int64_t>& strides,
                            const v1::Detector& config) {
  const auto sides = torch::sqrt(BoxAreas(boxes)) / static_cast<int64_t>(config.roi_canonical_size());
  const auto sizes = torch::log2(sides + config.roi_level_size_epsilon());
  const auto levels = torch::floor(kCanonicalLevel + sizes + config.roi_level_epsilon());
  const double lowest = std::log2(static_cast<double>(strides.front()));
  const double highest = std::log2(static_cast<double>(strides.back()));
  return (levels.clamp(lowest, highest) - lowest).to(torch::kInt64);
}

torch::Tensor MultiScaleRoiAlign(const std::vector<torch::Tensor>& features,
                                 const std::vector<int64_t>& strides, const Rois& rois,
                                 const RoiAlignOptions& options) {
  if (!features[0].is_cpu() || features[0].scalar_type() != torch::kFloat32) {
    return RoiAlignReference(features, strides, rois, options);
  }
  variable_list channels_last;
  for (const auto& map : features) channels_last.push_back(map.contiguous(torch::MemoryFormat::ChannelsLast));
  return PoolFunction::apply(at::TensorList(channels_last), strides, rois, options);
}

torch::Tensor RoiAlignReference(const std::vector<torch::Tensor>& features,
                                const std::vector<int64_t>& strides, const Rois& rois,
                                const RoiAlignOptions& options) {
  auto pooled = features[0].new_zeros(
      {rois.boxes.size(0), options.output_size, options.output_size, features[0].size(1)});
  for (size_t level = 0; level < features.size(); ++level) {
    const auto members = rois.levels.eq(static_cast<int64_t>(level)).nonzero().squeeze(1);
    if (members.size(0) == 0) continue;
    const auto boxes =
        rois.boxes.index_select(0, members) / strides[level] - (options.aligned ? kHalfCell : 0);
    const auto images = rois.images.index_select(0, members);
    pooled = pooled.index_copy(
        0, members, PoolLevel(features[level], boxes.to(features[level].scalar_type()), images, options));
  }
  return pooled.permute({0, 3, 1, 2});
}

}  // namespace loupe::detection
