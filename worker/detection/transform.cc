#include "worker/detection/transform.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "worker/detection/boxes.h"
#include "worker/detection/round_up.h"

namespace loupe::detection {
namespace {

torch::Tensor ChannelTensor(const google::protobuf::RepeatedField<float>& values) {
  return torch::tensor(std::vector<float>(values.begin(), values.end())).view({3, 1, 1});
}

}  // namespace

Transform::Transform(const v1::Detector& config)
    : min_size_(config.min_size()),
      max_size_(config.max_size()),
      size_divisible_(config.size_divisible()),
      mean_(ChannelTensor(config.image_mean())),
      std_(ChannelTensor(config.image_std())) {}

void Transform::set_image_size(int64_t min_size, int64_t max_size) {
  min_size_ = min_size;
  max_size_ = max_size;
}

ImageSize Transform::ResizedSize(ImageSize original) const {
  // torchvision computes the factor in float32, by a reciprocal, and the size in float64. Otherwise sizes
  // would differ by a pixel.
  const auto shorter = static_cast<float>(std::min(original.height, original.width));
  const auto longer = static_cast<float>(std::max(original.height, original.width));
  const double factor =
      std::min(1.0f / shorter * static_cast<float>(min_size_), 1.0f / longer * static_cast<float>(max_size_));
  const auto resize = [&](int64_t side) {
    return std::max<int64_t>(1, static_cast<int64_t>(std::floor(static_cast<double>(side) * factor)));
  };
  return {resize(original.height), resize(original.width)};
}

ImageSize Transform::PaddedSize(ImageSize original) const {
  const auto [height, width] = ResizedSize(original);
  return {RoundUp(height, size_divisible_), RoundUp(width, size_divisible_)};
}

Batch Transform::MakeBatch(const std::vector<torch::Tensor>& images) const {
  Batch batch;
  ImageSize padded;
  for (const auto& image : images) {
    TORCH_CHECK(image.dim() == 3 && image.size(0) == 3, "an image must have the shape [3, H, W], not ",
                image.sizes());
    batch.originals.push_back({image.size(1), image.size(2)});
    batch.sizes.push_back(ResizedSize(batch.originals.back()));
    const auto [height, width] = PaddedSize(batch.originals.back());
    padded.height = std::max(padded.height, height);
    padded.width = std::max(padded.width, width);
  }
  const auto options = images.at(0).options().dtype(torch::kFloat32);
  batch.images = torch::empty({static_cast<int64_t>(images.size()), 3, padded.height, padded.width}, options,
                              torch::MemoryFormat::ChannelsLast)
                     .zero_();
  for (size_t i = 0; i < images.size(); ++i) {
    const auto& [height, width] = batch.sizes[i];
    auto image = (images[i] - mean_) / std_;
    if (height != image.size(1) || width != image.size(2)) {
      image =
          torch::upsample_bilinear2d(image.unsqueeze(0), {height, width}, /*align_corners=*/false).squeeze(0);
    }
    batch.images[static_cast<int64_t>(i)].slice(1, 0, height).slice(2, 0, width).copy_(image);
  }
  return batch;
}

Batch PadTo(const Batch& batch, ImageSize size) {
  const auto [height, width] = batch.padded();
  if (height == size.height && width == size.width) return batch;
  Batch padded = batch;
  padded.images = torch::constant_pad_nd(batch.images, {0, size.width - width, 0, size.height - height})
                      .contiguous(torch::MemoryFormat::ChannelsLast);
  return padded;
}

std::vector<Target> ScaleTargets(const std::vector<Target>& targets, const Batch& batch) {
  TORCH_CHECK(targets.size() == batch.sizes.size(), "there are ", targets.size(), " targets for ",
              batch.sizes.size(), " images");
  const torch::Device device = batch.images.device();
  std::vector<Target> scaled;
  for (size_t i = 0; i < targets.size(); ++i) {
    Target target = targets[i];
    const auto boxes = target.boxes.to(device);
    const auto degenerate = boxes.slice(1, 2).le(boxes.slice(1, 0, 2)).any();
    TORCH_CHECK(!degenerate.item<bool>(), "target ", i, " has a box without width or height");
    target.boxes = ScaleBoxes(boxes, batch.originals[i], batch.sizes[i]);
    target.labels = target.labels.to(device);
    if (target.ignore_boxes.defined()) {
      target.ignore_boxes = ScaleBoxes(target.ignore_boxes.to(device), batch.originals[i], batch.sizes[i]);
    }
    scaled.push_back(target);
  }
  return scaled;
}

}  // namespace loupe::detection
