#include "worker/detection/transform.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "worker/detection/antialias.h"
#include "worker/detection/boxes.h"
#include "worker/detection/round_up.h"

namespace loupe::detection {
namespace {

torch::Tensor ChannelTensor(const google::protobuf::RepeatedField<float>& values) {
  return torch::tensor(std::vector<float>(values.begin(), values.end())).view({3, 1, 1});
}

constexpr float kLargestByte = 255;
constexpr float kLargestWord = 65535;

// Between which two pixels of a side each pixel of the resized side lies, as offsets, and how near to the
// second.
// Source: torch::upsample_bilinear2d without align_corners.
struct Axis {
  Axis(int64_t from, int64_t to, int64_t stride) {
    const float scale = static_cast<float>(from) / static_cast<float>(to);  // rounded, as LibTorch's is
    for (int64_t i = 0; i < to; ++i) {
      const double at = std::max(0.0, double{scale} * (static_cast<double>(i) + 0.5) - 0.5);
      const int64_t pixel = std::min(static_cast<int64_t>(at), from - 1);
      low.push_back(pixel * stride);
      high.push_back(std::min(pixel + 1, from - 1) * stride);
      share.push_back(static_cast<float>(std::clamp(at - static_cast<double>(pixel), 0.0, 1.0)));
    }
  }

  std::vector<int64_t> low;
  std::vector<int64_t> high;
  std::vector<float> share;
};

// picture: [3, H, W]. largest: the level that counts as 1.
template <typename Level>
void Interpolate(const torch::Tensor& picture, float largest, const torch::Tensor& mean,
                 const torch::Tensor& std, const torch::Tensor& pixels) {
  const int64_t height = pixels.size(1);
  const int64_t columns = pixels.size(2);
  const Axis x(picture.size(2), columns, picture.stride(2));
  const Axis y(picture.size(1), height, picture.stride(1));
  const auto* levels = static_cast<const Level*>(picture.data_ptr());
  constexpr int64_t kRowsATask = 64;
  at::parallel_for(0, 3 * height, kRowsATask, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t channel = row / height;
      const auto at = static_cast<size_t>(row % height);
      const Level* plane = levels + channel * picture.stride(0);
      const Level* above = plane + y.low[at];
      const Level* below = plane + y.high[at];
      const float channel_mean = mean.data_ptr<float>()[channel];
      const float channel_std = std.data_ptr<float>()[channel];
      float* out = pixels.data_ptr<float>() + row * columns;
      for (size_t i = 0; i < x.low.size(); ++i) {
        const auto mixed = [&](const Level* line) {
          return (1 - x.share[i]) * static_cast<float>(line[x.low[i]]) +
                 x.share[i] * static_cast<float>(line[x.high[i]]);
        };
        const float level = (1 - y.share[at]) * mixed(above) + y.share[at] * mixed(below);
        out[i] = (level / largest - channel_mean) / channel_std;
      }
    }
  });
}

// levels: [3, h, w], contiguous. largest: the level that counts as 1.
template <typename Level>
void Normalise(const torch::Tensor& levels, float largest, const torch::Tensor& mean,
               const torch::Tensor& std, const torch::Tensor& pixels) {
  const int64_t plane = levels.size(1) * levels.size(2);
  at::parallel_for(0, 3, 1, [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) {
      const Level* from = levels.data_ptr<Level>() + channel * plane;
      const float channel_mean = mean.data_ptr<float>()[channel];
      const float channel_std = std.data_ptr<float>()[channel];
      float* out = pixels.data_ptr<float>() + channel * plane;
      for (int64_t i = 0; i < plane; ++i) {
        out[i] = (static_cast<float>(from[i]) / largest - channel_mean) / channel_std;
      }
    }
  });
}

// The level that counts as 1.
float LargestLevel(const torch::Tensor& picture) {
  if (picture.dtype() == torch::kUInt8) return kLargestByte;
  return picture.dtype() == torch::kInt16 ? kLargestWord : 1;
}

// Source: Detectron2's ResizeShortestEdge.
ImageSize AntialiasedSize(ImageSize original, int64_t min_size, int64_t max_size) {
  if (min_size == 0) return original;
  auto height = static_cast<double>(original.height), width = static_cast<double>(original.width);
  const double scale = static_cast<double>(min_size) / std::min(height, width);
  const bool wide = height < width;
  height = wide ? static_cast<double>(min_size) : scale * height;
  width = wide ? scale * width : static_cast<double>(min_size);
  const double shrink = std::min(1.0, static_cast<double>(max_size) / std::max(height, width));
  const auto rounded = [&](double side) {
    return std::max<int64_t>(1, static_cast<int64_t>(side * shrink + 0.5));
  };
  return {rounded(height), rounded(width)};
}

}  // namespace

torch::Tensor Levels(const torch::Tensor& picture) {
  if (picture.dtype() == torch::kUInt8) return picture.to(torch::kFloat32).div_(kLargestByte);
  if (picture.dtype() != torch::kInt16) return picture;
  return picture.to(torch::kInt32).bitwise_and_(0xffff).to(torch::kFloat32).div_(kLargestWord);
}

Transform::Transform(const v1::Detector& config)
    : resizing_(config.resizing()),
      min_size_(config.min_size()),
      max_size_(config.max_size()),
      size_divisible_(config.size_divisible()),
      mean_(ChannelTensor(config.image_mean())),
      std_(ChannelTensor(config.image_std())) {}

void Transform::set_image_size(int64_t min_size, int64_t max_size) {
  min_size_ = min_size;
  max_size_ = max_size;
}

ImageSize Transform::ResizedSize(ImageSize original) const {
  if (resizing_ == v1::Detector::ANTIALIASED) return AntialiasedSize(original, min_size_, max_size_);
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

ResizedPicture Transform::Resize(const torch::Tensor& picture) const {
  TORCH_CHECK(picture.dim() == 3 && picture.size(0) == 3, "a picture must have the shape [3, H, W], not ",
              picture.sizes());
  const ImageSize original = {picture.size(1), picture.size(2)};
  const ImageSize resized = ResizedSize(original);
  const float largest = LargestLevel(picture);
  const torch::Tensor pixels = torch::empty({3, resized.height, resized.width});
  if (resizing_ == v1::Detector::ANTIALIASED) {
    const torch::Tensor levels = ResizeAntialiased(picture, resized);
    if (levels.dtype() == torch::kUInt8) {
      Normalise<uint8_t>(levels, largest, mean_, std_, pixels);
    } else {
      Normalise<float>(levels, largest, mean_, std_, pixels);
    }
  } else if (picture.dtype() == torch::kUInt8) {
    Interpolate<uint8_t>(picture, largest, mean_, std_, pixels);
  } else if (picture.dtype() == torch::kInt16) {
    Interpolate<uint16_t>(picture, largest, mean_, std_, pixels);
  } else {
    Interpolate<float>(picture, largest, mean_, std_, pixels);
  }
  return {pixels, original};
}

Batch Transform::Stack(const std::vector<ResizedPicture>& pictures) const {
  Batch batch;
  ImageSize padded;
  for (const ResizedPicture& picture : pictures) {
    batch.originals.push_back(picture.original);
    batch.sizes.push_back({picture.pixels.size(1), picture.pixels.size(2)});
    padded.height = std::max(padded.height, RoundUp(batch.sizes.back().height, size_divisible_));
    padded.width = std::max(padded.width, RoundUp(batch.sizes.back().width, size_divisible_));
  }
  batch.images = torch::empty({static_cast<int64_t>(pictures.size()), 3, padded.height, padded.width},
                              torch::kFloat32, torch::MemoryFormat::ChannelsLast)
                     .zero_();
  for (size_t i = 0; i < pictures.size(); ++i) {
    const auto& [height, width] = batch.sizes[i];
    batch.images[static_cast<int64_t>(i)].slice(1, 0, height).slice(2, 0, width).copy_(pictures[i].pixels);
  }
  return batch;
}

Batch Transform::MakeBatch(const std::vector<torch::Tensor>& pictures) const {
  std::vector<ResizedPicture> resized;
  for (const torch::Tensor& picture : pictures) resized.push_back(Resize(picture));
  return Stack(resized);
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
