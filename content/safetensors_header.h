// The header of a safetensors file, parsed and checked.
// Layout of a file: 8 bytes little-endian N, N bytes of JSON (name -> dtype, shape, data_offsets), raw
// little-endian data. Source: https://github.com/huggingface/safetensors (format section).
#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe {

inline constexpr size_t kSafetensorsLengthBytes = 8;
inline constexpr char kSafetensorsMetadataKey[] = "__metadata__";

// One tensor. Its elements fill its bytes exactly.
struct SafetensorsTensor {
  std::string name;
  std::string dtype;           // F64, F32, F16, BF16, I64, U64, I32, U32, I16, U16, I8, U8 or BOOL
  std::vector<int64_t> shape;  // the product of its sides, none counted as less than 1, fits 63 bits in bytes
  uint64_t begin = 0;          // offsets of its bytes in the data
  uint64_t end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsTensor> tensors;  // ordered by offset; together they cover the data without a gap
};

// A longer header is refused: parsed, it would take a hundred times its length. Those of the largest preset
// and of its checkpoints have 200 kB.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 1 << 20;

// N, from the first 8 bytes of a file. Not checked: compare it with kMaxSafetensorsHeaderBytes and the file's
// length.
// Requires: `bytes` holds at least 8 bytes.
uint64_t SafetensorsHeaderBytes(std::string_view bytes);

// `json` is the header without its length; `data_bytes` is the number of bytes behind it.
// Errors: INVALID_ARGUMENT when the header is no JSON object or nested deeper than one can be, a tensor lacks
// a field or has an unknown dtype, offsets don't fit a tensor's shape, tensors overlap, or they don't cover
// the data. The message says what is wrong, and stands after the file's name.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json, uint64_t data_bytes);

// Reads the header of a file of this length from its start, and leaves the stream at the data.
// Errors: INVALID_ARGUMENT when the file is shorter than its header, the header longer than 1 MiB, or as
// ParseSafetensorsHeader.
absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(std::istream& stream, uint64_t file_bytes);

}  // namespace loupe
