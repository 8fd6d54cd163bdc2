// The safetensors file format: named tensors and string metadata, without code in the file.
// Layout: 8 bytes little-endian N, N bytes of JSON (name -> dtype, shape, data_offsets), raw little-endian
// data. Source: https://github.com/huggingface/safetensors (format section).

#ifndef LOUPE_WORKER_SAFETENSORS_H_
#define LOUPE_WORKER_SAFETENSORS_H_

#include <torch/types.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

struct SafetensorsFile {
  std::map<std::string, torch::Tensor>
      tensors;  // on the CPU, contiguous; half and bfloat16 widened to float32
  std::map<std::string, std::string> metadata;  // "__metadata__"
};

// Reads a whole file.
// Errors: NOT_FOUND when there is no such file; INVALID_ARGUMENT when it is malformed (cut short, a header
// that claims more than the file, overlapping or misfitting offsets, unknown dtypes), with path and tensor.
absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path);

// Writes to a temporary name beside `path` and renames when whole. Tensors: float32, float64, float16,
// bfloat16, int64, int32, int16, int8, uint8 or bool, on any device.
// Errors: INVALID_ARGUMENT for another dtype; INTERNAL when the disk refuses.
absl::Status WriteSafetensors(const std::string& path, const SafetensorsFile& file);

}  // namespace loupe

#endif  // LOUPE_WORKER_SAFETENSORS_H_
