#include "worker/pictures/image_decode.h"

#include <torch/types.h>

#include <opencv2/core.hpp>

#include "absl/strings/str_cat.h"
#include "content/read_file.h"
#include "pictures/picture_decode.h"

namespace loupe {
namespace {

// A view of the picture's own memory.
torch::Tensor ToTensor(const DecodedPicture& picture) {
  const cv::Mat& pixels = picture.pixels;
  const int64_t channels = pixels.channels();
  const int64_t channel = channels == 1 ? 0 : 1;  // grey: one plane, seen three times
  const auto keep = [pixels](void*) {};           // until nothing views it
  const torch::ScalarType type = pixels.depth() == CV_16U ? torch::kInt16 : torch::kUInt8;
  const torch::Tensor stored = torch::from_blob(pixels.data, {3, pixels.rows, pixels.cols},
                                                {channel, channels * pixels.cols, channels}, keep, type);
  return picture.turned ? stored.transpose(1, 2) : stored;
}

}  // namespace

absl::StatusOr<torch::Tensor> DecodeImage(std::string_view bytes, const std::string& name,
                                          IntensityRange range) {
  const absl::StatusOr<DecodedPicture> picture = DecodePicture(bytes, name, {.range = range});
  if (!picture.ok()) return picture.status();
  return ToTensor(*picture);
}

absl::StatusOr<torch::Tensor> LoadImage(const std::filesystem::path& path, IntensityRange range) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  return DecodeImage(*bytes, path.string(), range);
}

absl::StatusOr<PictureHeader> LoadPictureHeader(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<PictureHeader> header = ReadPictureHeader(*bytes);
  if (header.ok()) return header;
  return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", header.status().message()));
}

}  // namespace loupe
