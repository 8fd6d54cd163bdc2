#include "pictures/jpeg_decode.h"

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

// `standard` comes first: the library knows nothing but it.
struct ErrorManager {
  jpeg_error_mgr standard;
  jmp_buf leave;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void Leave(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<ErrorManager*>(jpeg->err);
  errors->standard.format_message(jpeg, errors->message);
  longjmp(errors->leave, 1);
}

// Warnings of missing or wrong pixels. Others, as of bytes too many, harm nothing.
void Warn(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // a trace
  switch (jpeg->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_JPEG_EOF:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      Leave(jpeg);
    default:
      break;
  }
}

// cmyk: as Adobe stores it, inverted: 255 is no ink.
void FromCmyk(const uint8_t* cmyk, int width, ChannelOrder order, uint8_t* levels) {
  constexpr int kMost = 255;
  for (int x = 0; x < width; ++x) {
    for (int ink = 0; ink < 3; ++ink) {
      const int channel = order == ChannelOrder::kRedFirst ? ink : 2 - ink;
      levels[3 * x + channel] = static_cast<uint8_t>(cmyk[4 * x + ink] * cmyk[4 * x + 3] / kMost);
    }
  }
}

// Returns whether it succeeded; else errors.message says why. An error leaves it by longjmp, so it has
// nothing with a destructor.
bool Decompress(std::string_view bytes, ChannelOrder order, int divisor, jpeg_decompress_struct& jpeg,
                ErrorManager& errors, cv::Mat& picture) {
  if (setjmp(errors.leave) != 0) return false;
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&jpeg, TRUE);
  const bool grey = jpeg.num_components == 1;
  const bool cmyk = jpeg.num_components == 4;
  const J_COLOR_SPACE color = order == ChannelOrder::kRedFirst ? JCS_EXT_RGB : JCS_EXT_BGR;
  jpeg.out_color_space = grey ? JCS_GRAYSCALE : cmyk ? JCS_CMYK : color;
  jpeg.scale_num = 1;
  jpeg.scale_denom = static_cast<unsigned int>(divisor);
  jpeg_start_decompress(&jpeg);
  const auto width = static_cast<int>(jpeg.output_width);
  picture.create(static_cast<int>(jpeg.output_height), width, grey ? CV_8UC1 : CV_8UC3);
  JSAMPARRAY inks =
      (*jpeg.mem->alloc_sarray)(reinterpret_cast<j_common_ptr>(&jpeg), JPOOL_IMAGE, jpeg.output_width * 4, 1);
  while (jpeg.output_scanline < jpeg.output_height) {
    uint8_t* row = picture.ptr(static_cast<int>(jpeg.output_scanline));
    jpeg_read_scanlines(&jpeg, cmyk ? inks : &row, 1);
    if (cmyk) FromCmyk(inks[0], width, order, row);
  }
  jpeg_finish_decompress(&jpeg);
  return true;
}

}  // namespace

absl::StatusOr<cv::Mat> DecodeJpeg(std::string_view bytes, ChannelOrder order, int divisor) {
  jpeg_decompress_struct jpeg = {};
  ErrorManager errors = {};
  jpeg.err = jpeg_std_error(&errors.standard);
  errors.standard.error_exit = Leave;
  errors.standard.emit_message = Warn;
  cv::Mat picture;
  const bool decoded = Decompress(bytes, order, divisor, jpeg, errors, picture);
  jpeg_destroy_decompress(&jpeg);
  if (decoded) return picture;
  return absl::InvalidArgumentError(absl::StrCat("the picture can't be decoded: ", errors.message));
}

}  // namespace loupe
