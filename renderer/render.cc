#include "renderer/render.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "content/read_file.h"
#include "content/whole_file.h"
#include "pictures/picture_decode.h"

namespace loupe {
namespace {

constexpr int kJpegQuality = 85;

// In whole numbers: with floats some levels would be one off.
cv::Mat ToEightBits(const cv::Mat& levels, IntensityRange range) {
  constexpr int kLevels = 1 << 16;
  constexpr int kWhite = 255;
  const int width = range.high - range.low;
  std::vector<uint8_t> table(kLevels);
  for (int level = 0; level < kLevels; ++level) {
    const int above = std::clamp(level - range.low, 0, width);
    table[level] = static_cast<uint8_t>((above * kWhite + width / 2) / width);
  }
  cv::Mat eight(levels.size(), CV_8UC(levels.channels()));
  const auto* from = levels.ptr<uint16_t>();
  auto* to = eight.ptr<uint8_t>();
  const size_t count = levels.total() * static_cast<size_t>(levels.channels());
  for (size_t i = 0; i < count; ++i) to[i] = table[from[i]];
  return eight;
}

// A side of the thumbnail.
int ShrunkSide(int side, int longer, int max_side) {
  return std::max<int>(1, static_cast<int>((int64_t{side} * max_side + longer / 2) / longer));
}

// Until it fits into max_side x max_side.
void Shrink(int max_side, DecodedPicture& picture) {
  const PictureHeader& header = picture.header;
  const int longer = std::max(header.width(), header.height());
  if (longer <= max_side) return;
  cv::Size size(ShrunkSide(header.width(), longer, max_side), ShrunkSide(header.height(), longer, max_side));
  if (picture.turned) std::swap(size.width, size.height);
  cv::Mat shrunk;
  cv::resize(picture.pixels, shrunk, size, 0, 0, cv::INTER_AREA);
  picture.pixels = std::move(shrunk);
}

// With blue first. The file's bytes are gone when it returns. Errors: as Render.
absl::StatusOr<DecodedPicture> Decoded(const RenderRequest& request) {
  const absl::StatusOr<std::string> bytes = ReadFile(request.in);
  if (!bytes.ok()) return bytes.status();
  const DecodeOptions options = {
      .range = {}, .order = ChannelOrder::kBlueFirst, .least_side = request.max_side};
  return DecodePicture(*bytes, request.in.string(), options);
}

// As people see it. Errors: as Render.
absl::StatusOr<cv::Mat> Rendered(const RenderRequest& request) {
  absl::StatusOr<DecodedPicture> picture = Decoded(request);
  if (!picture.ok()) return picture.status();
  if (picture->pixels.depth() == CV_16U) picture->pixels = ToEightBits(picture->pixels, request.range);
  if (request.max_side > 0) Shrink(request.max_side, *picture);
  if (!picture->turned) return picture->pixels;
  cv::Mat turned;
  cv::transpose(picture->pixels, turned);
  return turned;
}

absl::Status RenderOrThrow(const RenderRequest& request) {
  const absl::StatusOr<cv::Mat> picture = Rendered(request);
  if (!picture.ok()) return picture.status();
  std::vector<uint8_t> encoded;
  // OpenCV's default for PNG is zlib's level 1, with the filter and the strategy that are fastest.
  const bool is_encoded =
      request.max_side > 0 ? cv::imencode(".jpg", *picture, encoded, {cv::IMWRITE_JPEG_QUALITY, kJpegQuality})
                           : cv::imencode(".png", *picture, encoded);
  if (!is_encoded) return absl::InternalError("the picture can't be encoded");
  absl::StatusOr<WholeFile> out = WholeFile::Open(request.out);
  if (!out.ok()) return out.status();
  const std::string_view bytes(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  if (absl::Status appended = out->Append(bytes); !appended.ok()) return appended;
  return out->Commit(Durability::kWhole);
}

}  // namespace

absl::Status Render(const RenderRequest& request) {
  try {
    return RenderOrThrow(request);
  } catch (const cv::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(request.in.string(), ": ", error.err));
  } catch (const std::bad_alloc&) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.in.string(), ": the picture takes too much memory"));
  }
}

}  // namespace loupe
