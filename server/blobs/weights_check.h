// Whether a file is a whole safetensors file. The coordinator keeps weights and never computes with them, so
// it checks the format alone; whether they fit a detector is the worker's to say. Layout: 8 bytes
// little-endian N, N bytes of JSON (name -> dtype, shape, data_offsets), raw little-endian data. Source:
// https://github.com/huggingface/safetensors (format section).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace loupe {

// Looks at the bytes of a file as they pass by. Holds no more than the header, which may have 16 MiB.
class WeightsCheck {
 public:
  void Append(std::string_view bytes);

  // Once the file has ended. Errors: INVALID_ARGUMENT (cut short, no JSON header, no tensor, a tensor whose
  // offsets don't fit its shape, data that tensors don't cover from end to end).
  absl::Status Finish() const;

 private:
  // Bytes of the header, once its length is there and within bounds; 0 before.
  uint64_t HeaderBytes() const;

  std::string head_;  // the length and the header
  uint64_t size_bytes_ = 0;
};

}  // namespace loupe
