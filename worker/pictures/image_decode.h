// Picture files as tensors.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "content/intensity_range.h"
#include "content/picture_header.h"

namespace loupe {

// Returns [3, H, W] RGB, turned as people see the picture (EXIF): uint8, or of a picture with 16 bits the
// levels of `range` as 0 to 65535, in int16 (the bits of uint16, which LibTorch lacks). detection::Levels
// makes floats of both. Grey becomes three equal channels, alpha is dropped. It is a view of the decoder's
// own memory, in its order: not contiguous, and not to be written to. Messages call the picture `name`.
// Errors: INVALID_ARGUMENT as ReadPictureHeader, or when the decoder can't read the picture.
absl::StatusOr<torch::Tensor> DecodeImage(std::string_view bytes, const std::string& name,
                                          IntensityRange range = {});

// The header of a picture file, without decoding. Errors: as LoadImage.
absl::StatusOr<PictureHeader> LoadPictureHeader(const std::filesystem::path& path);

// The picture in a file. Errors: those of DecodeImage; NOT_FOUND when the file can't be opened.
absl::StatusOr<torch::Tensor> LoadImage(const std::filesystem::path& path, IntensityRange range = {});

}  // namespace loupe
