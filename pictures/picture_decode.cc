#include "pictures/picture_decode.h"

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <utility>
#include <vector>

#include <opencv2/imgcodecs.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pictures/jpeg_decode.h"

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

// Grey, or in this order.
absl::StatusOr<cv::Mat> DecodeByOpenCv(std::string_view bytes, ChannelOrder order) {
  WatchTiffErrors();
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U, const_cast<char*>(bytes.data()));
  cv::Mat picture =
      cv::imdecode(encoded, cv::IMREAD_ANYCOLOR | cv::IMREAD_ANYDEPTH | cv::IMREAD_IGNORE_ORIENTATION);
  if (picture.empty() || tiff_failed) return absl::InvalidArgumentError("the picture can't be decoded");
  if (picture.channels() == 1 || order == ChannelOrder::kBlueFirst) return picture;
  if (picture.depth() == CV_16U) ExchangeRedAndBlue<uint16_t>(picture);
  if (picture.depth() == CV_8U) ExchangeRedAndBlue<uint8_t>(picture);
  return picture;
}

// The largest divisor of the sides that libjpeg offers and that leaves the longer one this long.
int DivisorFor(const PictureHeader& header, int least_side) {
  const int longer = std::max(header.stored_width, header.stored_height);
  int divisor = least_side > 0 ? 8 : 1;
  while (divisor > 1 && longer / divisor < least_side) divisor /= 2;
  return divisor;
}

int DividedUp(int side, int divisor) { return (side + divisor - 1) / divisor; }

// Errors: INVALID_ARGUMENT, without the picture's name.
absl::StatusOr<DecodedPicture> DecodeKnown(PictureHeader header, std::string_view bytes,
                                           const DecodeOptions& options) {
  const bool is_jpeg = header.media_type == "image/jpeg";
  const int divisor = is_jpeg ? DivisorFor(header, options.least_side) : 1;
  absl::StatusOr<cv::Mat> decoded =
      is_jpeg ? DecodeJpeg(bytes, options.order, divisor) : DecodeByOpenCv(bytes, options.order);
  if (!decoded.ok()) return decoded.status();
  cv::Mat pixels = *std::move(decoded);
  // OpenCV turns TIFFs by itself, whatever the flags say.
  const int orientation = header.media_type == "image/tiff" ? 1 : header.orientation;
  const bool turned = orientation >= 5;
  const cv::Size size = turned ? cv::Size(pixels.rows, pixels.cols) : pixels.size();
  const cv::Size expected(DividedUp(header.width(), divisor), DividedUp(header.height(), divisor));
  if (size != expected) return absl::InvalidArgumentError("the picture can't be decoded");
  Flip(orientation, pixels);
  if (pixels.depth() == CV_16U) Spread(options.range, pixels);
  return DecodedPicture{std::move(header), std::move(pixels), turned};
}

}  // namespace

absl::StatusOr<DecodedPicture> DecodePicture(std::string_view bytes, const std::string& name,
                                             const DecodeOptions& options) {
  absl::StatusOr<PictureHeader> header = ReadPictureHeader(bytes);
  if (!header.ok()) return absl::InvalidArgumentError(absl::StrCat(name, ": ", header.status().message()));
  try {
    absl::StatusOr<DecodedPicture> picture = DecodeKnown(*std::move(header), bytes, options);
    if (picture.ok()) return picture;
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", picture.status().message()));
  } catch (const cv::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": the picture can't be decoded: ", error.err));
  }
}

}  // namespace loupe
