#include "server/blobs/weights_check.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 16 << 20;

constexpr std::array<std::pair<const char*, uint64_t>, 12> kDtypeBytes = {{{"F64", 8},
                                                                           {"F32", 4},
                                                                           {"F16", 2},
                                                                           {"BF16", 2},
                                                                           {"I64", 8},
                                                                           {"U64", 8},
                                                                           {"I32", 4},
                                                                           {"U32", 4},
                                                                           {"I16", 2},
                                                                           {"U16", 2},
                                                                           {"I8", 1},
                                                                           {"U8", 1}}};

// Where a tensor lies in the data.
using Extent = std::pair<uint64_t, uint64_t>;

absl::Status Malformed(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("not a whole safetensors file: ", what));
}

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return number;
}

std::optional<uint64_t> DtypeBytes(const json& tensor) {
  const auto dtype = tensor.find("dtype");
  if (dtype == tensor.end() || !dtype->is_string()) return std::nullopt;
  const auto& name = dtype->get_ref<const std::string&>();
  if (name == "BOOL") return 1;
  for (const auto& [known, bytes] : kDtypeBytes) {
    if (name == known) return bytes;
  }
  return std::nullopt;
}

// Bytes of a tensor by dtype and shape; none where either makes no sense.
std::optional<uint64_t> TensorBytes(const json& tensor) {
  const auto shape = tensor.find("shape");
  std::optional<uint64_t> bytes = DtypeBytes(tensor);
  if (!bytes.has_value() || shape == tensor.end() || !shape->is_array()) return std::nullopt;
  for (const json& side : *shape) {
    if (!side.is_number_unsigned()) return std::nullopt;
    if (__builtin_mul_overflow(*bytes, side.get<uint64_t>(), &*bytes)) return std::nullopt;
  }
  return bytes;
}

absl::StatusOr<Extent> ExtentOf(const std::string& name, const json& tensor) {
  if (!tensor.is_object()) return Malformed(absl::StrCat("tensor \"", name, "\" is no object"));
  const std::optional<uint64_t> bytes = TensorBytes(tensor);
  if (!bytes.has_value()) return Malformed(absl::StrCat("tensor \"", name, "\" has no known dtype or shape"));
  const auto offsets = tensor.find("data_offsets");
  if (offsets == tensor.end() || !offsets->is_array() || offsets->size() != 2 ||
      !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
    return Malformed(absl::StrCat("tensor \"", name, "\" has no data_offsets"));
  }
  const Extent extent{(*offsets)[0].get<uint64_t>(), (*offsets)[1].get<uint64_t>()};
  if (extent.first > extent.second || extent.second - extent.first != *bytes) {
    return Malformed(absl::StrCat("tensor \"", name, "\" has data_offsets that don't fit its shape"));
  }
  return extent;
}

absl::Status CheckCover(std::vector<Extent> extents, uint64_t data_bytes) {
  std::sort(extents.begin(), extents.end());
  uint64_t covered = 0;
  for (const auto& [begin, end] : extents) {
    if (begin != covered) return Malformed("its tensors overlap or leave gaps");
    covered = end;
  }
  if (covered == data_bytes) return absl::OkStatus();
  return Malformed(
      absl::StrCat("its header speaks of ", covered, " bytes of data, ", data_bytes, " are there"));
}

}  // namespace

uint64_t WeightsCheck::HeaderBytes() const {
  if (head_.size() < kLengthBytes) return 0;
  const uint64_t bytes = LittleEndian(head_);
  return bytes <= kMaxHeaderBytes ? bytes : 0;
}

void WeightsCheck::Append(std::string_view bytes) {
  size_bytes_ += bytes.size();
  if (head_.size() < kLengthBytes) {
    const size_t taken = std::min(bytes.size(), kLengthBytes - head_.size());
    head_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
  }
  if (head_.size() < kLengthBytes) return;
  const uint64_t end = kLengthBytes + HeaderBytes();
  head_.append(bytes.substr(0, std::min<uint64_t>(bytes.size(), end - head_.size())));
}

absl::Status WeightsCheck::Finish() const {
  const uint64_t header_bytes = HeaderBytes();
  if (header_bytes == 0) return Malformed("it doesn't begin with the length of a header");
  if (head_.size() < kLengthBytes + header_bytes) return Malformed("it ends within its header");
  const json header =
      json::parse(head_.begin() + kLengthBytes, head_.end(), nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return Malformed("its header is no JSON object");
  std::vector<Extent> extents;
  for (const auto& [name, tensor] : header.items()) {
    if (name == "__metadata__") continue;
    const absl::StatusOr<Extent> extent = ExtentOf(name, tensor);
    if (!extent.ok()) return extent.status();
    extents.push_back(*extent);
  }
  if (extents.empty()) return Malformed("it holds no tensor");
  return CheckCover(std::move(extents), size_bytes_ - kLengthBytes - header_bytes);
}

}  // namespace loupe
