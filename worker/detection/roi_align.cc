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

constexpr int kCanonicalLevel = 4;      // stride 2^4
constexpr double kLevelEpsilon = 1e-6;  // as in torchvision: a box on the border goes to the coarser level

std::vector<PoolJob> MakeJobs(const Rois& rois, const std::vector<int64_t>& strides) {
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
    for (int side = 0; side < 4; ++side) job.box[side] = box[side] * scale;
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
    const auto jobs = MakeJobs(rois, strides);
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
    return pooled;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto strides = context->saved_data["strides"].toIntVector();
    const auto shapes = context->saved_data["shapes"].toIntVector();
    const RoiAlignOptions options{context->saved_data["output_size"].toInt(),
                                  context->saved_data["sampling_ratio"].toInt()};
    const auto jobs = MakeJobs({saved[0], saved[1], saved[2]}, strides);
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

// Sampling positions [P, S * sampling_ratio] along one axis, in cells.
torch::Tensor SamplePositions(const torch::Tensor& low, const torch::Tensor& high,
                              const RoiAlignOptions& options) {
  const auto bin = (high - low).clamp_min(1.0).unsqueeze(1) / options.output_size;
  const int64_t count = options.output_size * options.sampling_ratio;
  const auto index = torch::arange(count, low.options().dtype(torch::kInt64));
  const auto bin_index = index.div(options.sampling_ratio, "floor").to(low.scalar_type()).unsqueeze(0);
  const auto point = index.remainder(options.sampling_ratio).to(low.scalar_type()).unsqueeze(0);
  return low.unsqueeze(1) + bin_index * bin + (point + 0.5) * bin / options.sampling_ratio;
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

// One level: map [N, F, H, W], boxes [P, 4] in cells, images [P]. Returns [P, S, S, F].
torch::Tensor PoolLevel(const torch::Tensor& map, const torch::Tensor& boxes, const torch::Tensor& images,
                        const RoiAlignOptions& options) {
  const auto x = Interpolate(SamplePositions(boxes.select(1, 0), boxes.select(1, 2), options), map.size(3));
  const auto y = Interpolate(SamplePositions(boxes.select(1, 1), boxes.select(1, 3), options), map.size(2));
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
  const int64_t size = options.output_size, ratio = options.sampling_ratio;
  return samples.view({boxes.size(0), size, ratio, size, ratio, map.size(1)}).mean({2, 4});
}

}  // namespace

torch::Tensor PyramidLevels(const torch::Tensor& boxes, const std::vector<int64_t>& strides,
                            int64_t canonical_size) {
  const auto sides = torch::sqrt(BoxAreas(boxes));
  const auto levels = torch::floor(kCanonicalLevel + torch::log2(sides / canonical_size) + kLevelEpsilon);
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
    const auto boxes = rois.boxes.index_select(0, members) / strides[level];
    const auto images = rois.images.index_select(0, members);
    pooled = pooled.index_copy(
        0, members, PoolLevel(features[level], boxes.to(features[level].scalar_type()), images, options));
  }
  return pooled.permute({0, 3, 1, 2});
}

}  // namespace loupe::detection
