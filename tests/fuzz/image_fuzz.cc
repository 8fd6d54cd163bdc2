// Any bytes as a picture: refused with a status, or decoded to the size that its header claims, with 8 or 16
// bits a level.

#include <torch/types.h>

#include "content/picture_header.h"
#include "tests/fuzz/fuzz.h"
#include "worker/pictures/image_decode.h"

FUZZ_TARGET(image) {
  using namespace loupe;
  // Larger pictures are sound input that takes OpenCV seconds.
  constexpr int64_t kDecodedPixels = 1 << 18;
  const auto header = ReadPictureHeader(bytes);
  if (header.ok() && int64_t{header->width()} * header->height() > kDecodedPixels) return;
  const auto image = DecodeImage(bytes, "input");
  if (!image.ok()) {
    fuzz::Require(image.status().code() == absl::StatusCode::kInvalidArgument, "bad bytes are bad input");
    return;
  }
  fuzz::Require(header.ok(), "a picture that is decoded has a sound header");
  const int64_t height = header->height();
  const int64_t width = header->width();
  fuzz::Require(image->sizes() == torch::IntArrayRef({3, height, width}), "the size is the header's");
  const auto type = image->scalar_type();
  fuzz::Require(type == torch::kUInt8 || type == torch::kInt16, "8 or 16 bits a level");
}
