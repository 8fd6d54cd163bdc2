#include "worker/pictures/image_decode.h"

#include <torch/types.h>

#include <fstream>
#include <sstream>
#include <utility>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

constexpr double kLargest = 65535;  // level of 16 bits

// Turns stored pixels to how people see the picture. Source: EXIF 2.3, tag 0x0112.
cv::Mat Upright(cv::Mat stored, int orientation) {
  cv::Mat turned;
  if (orientation >= 5) {
    cv::transpose(stored, turned);
    stored.release();
  } else {
    turned = std::move(stored);
  }
  constexpr int kHorizontal = 1;
  constexpr int kVertical = 0;
  constexpr int kBoth = -1;
  switch (orientation) {
    case 2:
      cv::flip(turned, turned, kHorizontal);
      break;
    case 3:
      cv::flip(turned, turned, kBoth);
      break;
    case 4:
      cv::flip(turned, turned, kVertical);
      break;
    case 6:
      cv::flip(turned, turned, kHorizontal);
      break;
    case 7:
      cv::flip(turned, turned, kBoth);
      break;
    case 8:
      cv::flip(turned, turned, kVertical);
      break;
    default:
      break;
  }
  return turned;
}

// levels: 16 bits each.
void Spread(IntensityRange range, cv::Mat& levels) {
  if (range.low == 0 && range.high == kLargest) return;
  const double scale = kLargest / static_cast<double>(range.high - range.low);
  levels.convertTo(levels, CV_16U, scale, -scale * range.low);  // rounds, and stays within 0 and 65535
}

// picture: grey, or three channels in the order of OpenCV, blue first.
torch::Tensor ToTensor(const cv::Mat& picture, IntensityRange range) {
  const bool deep = picture.depth() == CV_16U;
  torch::Tensor pixels = torch::empty({3, picture.rows, picture.cols}, deep ? torch::kInt16 : torch::kUInt8);
  for (int c = 0; c < 3; ++c) {
    cv::Mat plane(picture.rows, picture.cols, deep ? CV_16U : CV_8U, pixels[c].data_ptr());
    cv::extractChannel(picture, plane, picture.channels() == 1 ? 0 : 2 - c);
    if (deep) Spread(range, plane);
  }
  return pixels;
}

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

}  // namespace

absl::StatusOr<torch::Tensor> DecodeImage(std::string_view bytes, const std::string& name,
                                          IntensityRange range) {
  const absl::StatusOr<PictureHeader> header = ReadPictureHeader(bytes);
  if (!header.ok()) return absl::InvalidArgumentError(absl::StrCat(name, ": ", header.status().message()));
  try {
    const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
    cv::Mat picture =
        cv::imdecode(encoded, cv::IMREAD_ANYCOLOR | cv::IMREAD_ANYDEPTH | cv::IMREAD_IGNORE_ORIENTATION);
    // OpenCV turns TIFFs by itself, whatever the flags say.
    const int orientation = header->media_type == "image/tiff" ? 1 : header->orientation;
    const cv::Mat upright = picture.empty() ? picture : Upright(std::move(picture), orientation);
    if (upright.cols != header->width() || upright.rows != header->height()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": the picture can't be decoded"));
    }
    return ToTensor(upright, range);
  } catch (const cv::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": the picture can't be decoded: ", error.err));
  }
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
