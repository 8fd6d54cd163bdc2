#include "worker/pictures/image_decode.h"

#include <tiffio.h>
#include <torch/types.h>

#include <cstdarg>
#include <utility>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/strings/str_cat.h"
#include "content/read_file.h"
#include "worker/pictures/jpeg_decode.h"

namespace loupe {
namespace {

constexpr double kLargest = 65535;  // level of 16 bits

// What follows changes a decoded picture in place: it may have 600 MB.

// After it, a picture of an orientation below 5 is as people see it, and of another one with rows and columns
// exchanged. Source: EXIF 2.3, tag 0x0112.
void Flip(int orientation, cv::Mat& stored) {
  constexpr int kHorizontal = 1;
  constexpr int kVertical = 0;
  constexpr int kBoth = -1;
  switch (orientation) {
    case 2:
    case 8:
      cv::flip(stored, stored, kHorizontal);
      break;
    case 3:
    case 7:
      cv::flip(stored, stored, kBoth);
      break;
    case 4:
    case 6:
      cv::flip(stored, stored, kVertical);
      break;
    default:
      break;
  }
}

// levels: 16 bits each.
void Spread(IntensityRange range, cv::Mat& levels) {
  if (range.low == 0 && range.high == kLargest) return;
  const double scale = kLargest / static_cast<double>(range.high - range.low);
  levels.convertTo(levels, CV_16U, scale, -scale * range.low);  // rounds, and stays within 0 and 65535
}

// picture: three channels, contiguous.
template <typename Level>
void ExchangeRedAndBlue(cv::Mat& picture) {
  auto* levels = picture.ptr<Level>();
  for (size_t i = 0; i < picture.total(); ++i) std::swap(levels[3 * i], levels[3 * i + 2]);
}

// A view of the picture's own memory. picture: contiguous; grey, or red first. turned: with rows and columns
// exchanged.
torch::Tensor ToTensor(const cv::Mat& picture, bool turned) {
  const int64_t channels = picture.channels();
  const int64_t channel = channels == 1 ? 0 : 1;  // grey: one plane, seen three times
  const auto keep = [picture](void*) {};          // until nothing views it
  const torch::ScalarType type = picture.depth() == CV_16U ? torch::kInt16 : torch::kUInt8;
  const torch::Tensor stored = torch::from_blob(picture.data, {3, picture.rows, picture.cols},
                                                {channel, channels * picture.cols, channels}, keep, type);
  return turned ? stored.transpose(1, 2) : stored;
}

thread_local bool tiff_failed = false;

// libtiff tells errors in pixels nobody else: OpenCV makes black of them.
void NoteTiffError(const char* /*module*/, const char* /*format*/, va_list /*arguments*/) {
  tiff_failed = true;
}

void WatchTiffErrors() {
  static const bool once = [] {
    // OpenCV sets its own function when it meets its first TIFF.
    cv::imdecode(std::vector<char>{'I', 'I', '*', 0}, cv::IMREAD_UNCHANGED);
    TIFFSetErrorHandler(NoteTiffError);
    return true;
  }();
  static_cast<void>(once);
  tiff_failed = false;
}

// Grey, or red first.
absl::StatusOr<cv::Mat> Decode(std::string_view bytes) {
  WatchTiffErrors();
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
  cv::Mat picture =
      cv::imdecode(encoded, cv::IMREAD_ANYCOLOR | cv::IMREAD_ANYDEPTH | cv::IMREAD_IGNORE_ORIENTATION);
  if (picture.empty() || tiff_failed) return absl::InvalidArgumentError("the picture can't be decoded");
  if (picture.channels() == 1) return picture;
  if (picture.depth() == CV_16U) ExchangeRedAndBlue<uint16_t>(picture);
  if (picture.depth() == CV_8U) ExchangeRedAndBlue<uint8_t>(picture);
  return picture;
}

}  // namespace

absl::StatusOr<torch::Tensor> DecodeImage(std::string_view bytes, const std::string& name,
                                          IntensityRange range) {
  const absl::StatusOr<PictureHeader> header = ReadPictureHeader(bytes);
  if (!header.ok()) return absl::InvalidArgumentError(absl::StrCat(name, ": ", header.status().message()));
  try {
    absl::StatusOr<cv::Mat> decoded = header->media_type == "image/jpeg" ? DecodeJpeg(bytes) : Decode(bytes);
    if (!decoded.ok())
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", decoded.status().message()));
    cv::Mat picture = *std::move(decoded);
    // OpenCV turns TIFFs by itself, whatever the flags say.
    const int orientation = header->media_type == "image/tiff" ? 1 : header->orientation;
    const bool turned = orientation >= 5;
    const cv::Size size = turned ? cv::Size(picture.rows, picture.cols) : picture.size();
    if (size.width != header->width() || size.height != header->height()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": the picture can't be decoded"));
    }
    Flip(orientation, picture);
    if (picture.depth() == CV_16U) Spread(range, picture);
    return ToTensor(picture, turned);
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
