// Whether a file is a whole safetensors file. The coordinator stores weights and never computes with them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "content/safetensors_header.h"
#include "recipe/detector_tensors.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// INVALID_ARGUMENT (BAD_WEIGHTS).
absl::Status BadWeights(absl::string_view what);

// Takes the bytes of a file as they pass by. It keeps only the header in memory, at most 1 MiB.
class WeightsCheck {
 public:
  void Append(std::string_view bytes);

  struct Contents {
    std::vector<NamedShape> tensors;
    std::map<std::string, std::string> metadata;
  };
  // What the file holds. Requires: its last byte was appended. Errors: INVALID_ARGUMENT (cut short, no
  // tensor, or as ParseSafetensorsHeader); the message gives the whole reason.
  absl::StatusOr<Contents> Finish() const;

 private:
  // Bytes of the header; 0 until its length is there, and when that is above the limit.
  uint64_t HeaderBytes() const;

  std::string head_;  // the length and the header
  uint64_t size_bytes_ = 0;
};

// What a stored file holds, by its header alone. Errors: INTERNAL.
absl::StatusOr<WeightsCheck::Contents> ReadStoredWeights(const BlobStore& blobs, const Sha256& hash);

}  // namespace loupe
