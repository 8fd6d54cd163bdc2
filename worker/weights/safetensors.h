// Safetensors files as tensors: named tensors and string metadata, without code in the file. The format is
// described in content/safetensors_header.h.

#ifndef LOUPE_WORKER_SAFETENSORS_H_
#define LOUPE_WORKER_SAFETENSORS_H_

#include <torch/types.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

struct SafetensorsFile {
  // On the CPU and contiguous. A reader widens float16 and bfloat16 to float32.
  std::map<std::string, torch::Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Reads a whole file.
// Errors: NOT_FOUND when there is no such file; INVALID_ARGUMENT when it is cut short, its header is larger
// than the file, has a dtype that LibTorch lacks, or as ParseSafetensorsHeader. The message has the path.
absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path);

// Writes or replaces a file, which is whole or not there (content/whole_file.h). Tensors: float32, float64,
// float16, bfloat16, int64, int32, int16, int8, uint8 or bool, on any device.
// Errors: INVALID_ARGUMENT for another dtype; INTERNAL when the file can't be written.
absl::Status WriteSafetensors(const std::string& path, const SafetensorsFile& file);

}  // namespace loupe

#endif  // LOUPE_WORKER_SAFETENSORS_H_
