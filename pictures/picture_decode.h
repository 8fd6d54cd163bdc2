// Picture files as pixels, for every program that needs them.
#pragma once

#include <string>
#include <string_view>

#include <opencv2/core.hpp>

#include "absl/status/statusor.h"
#include "content/intensity_range.h"
#include "content/picture_header.h"
#include "pictures/channel_order.h"

namespace loupe {

struct DecodeOptions {
  IntensityRange range;  // of a picture with 16 bits: these levels become 0 to 65535
  ChannelOrder order = ChannelOrder::kRedFirst;
  // In pixels. A JPEG may be decoded to a half, a quarter or an eighth of its size, which takes less time,
  // as long as its longer side keeps so many; other formats are not. 0: full size.
  int least_side = 0;
};

struct DecodedPicture {
  PictureHeader header;  // of the file, in full size
  // uint8 or uint16, contiguous: grey, or three channels. Alpha is dropped.
  cv::Mat pixels;
  // Whether rows and columns of `pixels` must still be exchanged, so that the picture is as people see it.
  bool turned = false;
};

// Decodes in place: a picture takes 600 MB at most, and its file. Messages call the picture `name`.
// Errors: INVALID_ARGUMENT as ReadPictureHeader, or when the decoder can't read the picture.
absl::StatusOr<DecodedPicture> DecodePicture(std::string_view bytes, const std::string& name,
                                             const DecodeOptions& options = {});

}  // namespace loupe
