// From pictures to a batch.

#ifndef LOUPE_WORKER_DETECTION_TRANSFORM_H_
#define LOUPE_WORKER_DETECTION_TRANSFORM_H_

#include <torch/types.h>

#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/types.h"

namespace loupe::detection {

// The levels of a picture as float32 in [0, 1]. picture: [3, H, W] RGB, uint8, int16 (the bits of uint16) or
// float32 in [0, 1].
torch::Tensor Levels(const torch::Tensor& picture);

// A picture as the network sees it, without padding.
struct ResizedPicture {
  torch::Tensor pixels;  // [3, h, w] float32, normalised
  ImageSize original;
};

struct Batch {
  torch::Tensor images;  // [N, 3, H, W] float32, normalised, channels-last, zeros as padding
  // FrozenFeatures of the images, stacked, or empty. When present, `images` is not read.
  std::vector<torch::Tensor> frozen;
  std::vector<ImageSize> sizes;      // of each image in the batch, without padding
  std::vector<ImageSize> originals;  // of each picture

  ImageSize padded() const { return {images.size(2), images.size(3)}; }
};

class Transform {
 public:
  explicit Transform(const v1::Detector& config);

  // Resizes (the shorter side to min_size unless the longer would exceed max_size) and normalises.
  // Its memory is that of the result, however large the picture.
  // picture: [3, H, W] RGB on the CPU, of a type that Levels takes.
  ResizedPicture Resize(const torch::Tensor& picture) const;
  // Pads to a common multiple of `size_divisible`. pictures: at least one.
  Batch Stack(const std::vector<ResizedPicture>& pictures) const;
  // Both, where the pictures are few enough to be held at once.
  Batch MakeBatch(const std::vector<torch::Tensor>& pictures) const;

  // The size of a picture after resizing, in pixels, at least 1 per side; and with the padding of a batch
  // that holds this picture only.
  ImageSize ResizedSize(ImageSize original) const;
  ImageSize PaddedSize(ImageSize original) const;

  void set_image_size(int64_t min_size, int64_t max_size);

 private:
  v1::Detector::Resizing resizing_;
  int64_t min_size_;
  int64_t max_size_;
  int64_t size_divisible_;
  torch::Tensor mean_;  // [3, 1, 1]
  torch::Tensor std_;   // [3, 1, 1]
};

// The batch padded with zeros up to `size`. Requires: `size` is at least batch.padded().
Batch PadTo(const Batch& batch, ImageSize size);

// The targets of a batch, in pixels of the resized images, on the device of the batch.
// Errors: c10::Error unless there is one target per image and every truth box has x2 > x1 and y2 > y1.
std::vector<Target> ScaleTargets(const std::vector<Target>& targets, const Batch& batch);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_TRANSFORM_H_
