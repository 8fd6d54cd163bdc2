#include "content/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

using nlohmann::json;

constexpr std::pair<std::string_view, int64_t> kDtypeBytes[] = {
    {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"U64", 8},  {"I32", 4},
    {"U32", 4}, {"I16", 2}, {"U16", 2}, {"I8", 1},   {"U8", 1},  {"BOOL", 1},
};

absl::Status Malformed(const std::string& what) { return absl::InvalidArgumentError(what); }

// Bytes of one element; nullopt for an unknown dtype.
std::optional<int64_t> ElementBytes(const json& dtype) {
  if (!dtype.is_string()) return std::nullopt;
  for (const auto& [name, bytes] : kDtypeBytes) {
    if (dtype.get_ref<const std::string&>() == name) return bytes;
  }
  return std::nullopt;
}

// nullopt when `value` is no list of sizes.
std::optional<std::vector<int64_t>> ReadShape(const json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<int64_t> shape;
  for (const json& side : value) {
    if (!side.is_number_unsigned() || side.get<uint64_t>() > uint64_t{INT64_MAX}) return std::nullopt;
    shape.push_back(side.get<int64_t>());
  }
  return shape;
}

// nullopt when the bytes don't fit 63 bits. That goes for an empty tensor too, with 1 in place of its 0:
// LibTorch multiplies the sides of empty tensors to strides.
std::optional<uint64_t> TensorBytes(const std::vector<int64_t>& shape, int64_t element_bytes) {
  int64_t bytes = element_bytes;
  bool empty = false;
  for (const int64_t side : shape) {
    empty = empty || side == 0;
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(side, 1), &bytes)) return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

absl::StatusOr<SafetensorsTensor> ParseTensor(const std::string& name, const json& value,
                                              uint64_t data_bytes) {
  const auto error = [&](const char* what) { return Malformed(absl::StrCat("tensor '", name, "' ", what)); };
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    return error("lacks dtype, shape or data_offsets");
  }
  const std::optional<int64_t> element_bytes = ElementBytes(value["dtype"]);
  if (!element_bytes.has_value()) return error("has a dtype that is not known here");
  std::optional<std::vector<int64_t>> shape = ReadShape(value["shape"]);
  if (!shape.has_value()) return error("has a shape that is no list of sizes");
  const json& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
      !offsets[1].is_number_unsigned()) {
    return error("has data_offsets that are no pair of offsets");
  }
  SafetensorsTensor tensor = {name, value["dtype"].get<std::string>(), *std::move(shape),
                              offsets[0].get<uint64_t>(), offsets[1].get<uint64_t>()};
  if (tensor.begin > tensor.end || tensor.end > data_bytes) return error("lies beyond the end of the file");
  if (TensorBytes(tensor.shape, *element_bytes) != tensor.end - tensor.begin) {
    return error("has data_offsets that don't fit its shape");
  }
  return tensor;
}

constexpr int kMostNested = 3;  // the header, a tensor, its shape

// Whether JSON is nested deeper than `most`, before anything is built from it.
bool IsNestedDeeper(std::string_view text, int most) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char sign = text[i];
    if (in_text) {
      if (sign == '\\') ++i;
      if (sign == '"') in_text = false;
    } else if (sign == '"') {
      in_text = true;
    } else if (sign == '{' || sign == '[') {
      if (++depth > most) return true;
    } else if (sign == '}' || sign == ']') {
      --depth;
    }
  }
  return false;
}

absl::Status ParseMetadata(const json& value, std::map<std::string, std::string>& metadata) {
  if (!value.is_object()) return Malformed("its metadata is no JSON object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) return Malformed(absl::StrCat("its metadata '", key, "' is no string"));
    metadata[key] = text.get<std::string>();
  }
  return absl::OkStatus();
}

// Requires: tensors ordered by offset.
absl::Status CheckCover(const std::vector<SafetensorsTensor>& tensors, uint64_t data_bytes) {
  uint64_t covered = 0;
  const std::string* last = nullptr;
  for (const SafetensorsTensor& tensor : tensors) {
    if (tensor.begin < covered) {
      return Malformed(absl::StrCat("tensors '", *last, "' and '", tensor.name, "' overlap"));
    }
    if (tensor.begin > covered) {
      return Malformed(absl::StrCat("no tensor covers the data before tensor '", tensor.name, "'"));
    }
    covered = tensor.end;
    last = &tensor.name;
  }
  if (covered == data_bytes) return absl::OkStatus();
  return Malformed(
      absl::StrCat("its header describes ", covered, " bytes of data, but ", data_bytes, " are there"));
}

}  // namespace

uint64_t SafetensorsHeaderBytes(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < kSafetensorsLengthBytes; ++i) {
    number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return number;
}

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view text, uint64_t data_bytes) {
  if (IsNestedDeeper(text, kMostNested)) return Malformed("its header is nested too deep");
  const json root = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return Malformed("its header is no JSON object");
  SafetensorsHeader header;
  for (const auto& [name, value] : root.items()) {
    if (name == kSafetensorsMetadataKey) {
      if (absl::Status read = ParseMetadata(value, header.metadata); !read.ok()) return read;
      continue;
    }
    absl::StatusOr<SafetensorsTensor> tensor = ParseTensor(name, value, data_bytes);
    if (!tensor.ok()) return tensor.status();
    header.tensors.push_back(*std::move(tensor));
  }
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
              return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
            });
  if (absl::Status covered = CheckCover(header.tensors, data_bytes); !covered.ok()) return covered;
  return header;
}

absl::StatusOr<SafetensorsHeader> ReadSafetensorsHeader(std::istream& stream, uint64_t file_bytes) {
  if (file_bytes < kSafetensorsLengthBytes) return Malformed("it is shorter than 8 bytes");
  std::string text(kSafetensorsLengthBytes, '\0');
  stream.read(text.data(), kSafetensorsLengthBytes);
  const uint64_t length = SafetensorsHeaderBytes(text);
  const uint64_t left = file_bytes - kSafetensorsLengthBytes;
  if (length > left) return Malformed("its header claims more than the file holds");
  if (length > kMaxSafetensorsHeaderBytes) return Malformed("its header is longer than 1 MiB");
  text.resize(length);
  stream.read(text.data(), static_cast<std::streamsize>(length));
  if (!stream) return Malformed("its header can't be read");
  return ParseSafetensorsHeader(text, left - length);
}

}  // namespace loupe
