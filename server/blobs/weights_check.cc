#include "server/blobs/weights_check.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a whole safetensors file: ", what));
}

WeightsCheck::Contents ContentsOf(SafetensorsHeader header) {
  WeightsCheck::Contents contents;
  contents.metadata = std::move(header.metadata);
  for (const SafetensorsTensor& tensor : header.tensors) {
    contents.tensors.push_back({tensor.name, tensor.shape});
  }
  return contents;
}

}  // namespace

absl::Status BadWeights(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_WEIGHTS", std::string(what));
}

uint64_t WeightsCheck::HeaderBytes() const {
  if (head_.size() < kSafetensorsLengthBytes) return 0;
  const uint64_t bytes = SafetensorsHeaderBytes(head_);
  return bytes <= kMaxSafetensorsHeaderBytes ? bytes : 0;
}

void WeightsCheck::Append(std::string_view bytes) {
  size_bytes_ += bytes.size();
  if (head_.size() < kSafetensorsLengthBytes) {
    const size_t taken = std::min(bytes.size(), kSafetensorsLengthBytes - head_.size());
    head_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
  }
  if (head_.size() < kSafetensorsLengthBytes) return;
  const uint64_t end = kSafetensorsLengthBytes + HeaderBytes();
  head_.append(bytes.substr(0, std::min<uint64_t>(bytes.size(), end - head_.size())));
}

absl::StatusOr<WeightsCheck::Contents> WeightsCheck::Finish() const {
  const uint64_t header_bytes = HeaderBytes();
  if (header_bytes == 0) return Malformed("it doesn't begin with the length of a header of at most 1 MiB");
  const uint64_t data_start = kSafetensorsLengthBytes + header_bytes;
  if (head_.size() < data_start) return Malformed("it ends within its header");
  absl::StatusOr<SafetensorsHeader> header = ParseSafetensorsHeader(
      std::string_view(head_).substr(kSafetensorsLengthBytes), size_bytes_ - data_start);
  if (!header.ok()) return Malformed(header.status().message());
  if (header->tensors.empty()) return Malformed("it holds no tensor");
  return ContentsOf(*std::move(header));
}

absl::StatusOr<WeightsCheck::Contents> ReadStoredWeights(const BlobStore& blobs, const Sha256& hash) {
  const absl::StatusOr<uint64_t> bytes = blobs.Size(hash);
  std::ifstream stream(blobs.PathOf(hash), std::ios::binary);
  if (!bytes.ok() || !stream) return absl::InternalError("the model's weights can't be read");
  absl::StatusOr<SafetensorsHeader> header = ReadSafetensorsHeader(stream, *bytes);
  if (!header.ok())
    return absl::InternalError(absl::StrCat("the model's weights are damaged: ", header.status().message()));
  return ContentsOf(*std::move(header));
}

}  // namespace loupe
