#include "worker/weights/safetensors.h"

#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
// The reference implementation's limit for the header, in bytes.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr char kMetadataKey[] = "__metadata__";

struct DtypeName {
  const char* name;
  torch::ScalarType type;
};

constexpr DtypeName kDtypes[] = {
    {"F32", torch::kFloat32}, {"F64", torch::kFloat64}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
    {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
    {"U8", torch::kUInt8},    {"BOOL", torch::kBool},
};

// What the header says of one tensor, checked.
struct Entry {
  std::string name;
  torch::ScalarType type = torch::kFloat32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // offsets in the data part
  uint64_t end = 0;
};

absl::Status Malformed(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, " is not a sound safetensors file: ", what));
}

std::optional<uint64_t> AsSize(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<uint64_t>();
}

// Bytes of a tensor, or nothing where they, or the strides that LibTorch makes of the sides, don't fit 63
// bits.
std::optional<uint64_t> ByteCount(const std::vector<int64_t>& shape, torch::ScalarType type) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(type));
  bool empty = false;
  for (const int64_t side : shape) {
    empty = empty || side == 0;
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(side, 1), &bytes)) return std::nullopt;
  }
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

// Errors: a text without path, for the caller to complete.
absl::StatusOr<Entry> ParseEntry(const std::string& name, const json& value, uint64_t data_bytes) {
  const auto error = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' ", what));
  };
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets")) {
    return error("lacks dtype, shape or data_offsets");
  }
  Entry entry;
  entry.name = name;
  const auto known = std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](const DtypeName& dtype) {
    return value["dtype"].is_string() && value["dtype"].get_ref<const std::string&>() == dtype.name;
  });
  if (known == std::end(kDtypes)) return error("has a dtype that is not known here");
  entry.type = known->type;
  if (!value["shape"].is_array()) return error("has a shape that is no list");
  for (const auto& side : value["shape"]) {
    const auto size = AsSize(side);
    if (!size || *size > static_cast<uint64_t>(INT64_MAX))
      return error("has a shape that is no list of sizes");
    entry.shape.push_back(static_cast<int64_t>(*size));
  }
  const auto& offsets = value["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2 || !AsSize(offsets[0]) || !AsSize(offsets[1])) {
    return error("has data_offsets that are no pair of offsets");
  }
  entry.begin = *AsSize(offsets[0]);
  entry.end = *AsSize(offsets[1]);
  if (entry.begin > entry.end || entry.end > data_bytes) return error("lies beyond the end of the file");
  const auto bytes = ByteCount(entry.shape, entry.type);
  if (!bytes || *bytes != entry.end - entry.begin) return error("has offsets that don't fit its shape");
  return entry;
}

absl::Status ParseMetadata(const json& value, std::map<std::string, std::string>& metadata) {
  if (!value.is_object()) return absl::InvalidArgumentError("its metadata is no object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string())
      return absl::InvalidArgumentError(absl::StrCat("its metadata '", key, "' is no string"));
    metadata[key] = text.get<std::string>();
  }
  return absl::OkStatus();
}

// Entries by offset. Fills `metadata`. Errors: without path.
absl::StatusOr<std::vector<Entry>> ParseHeader(const std::string& text, uint64_t data_bytes,
                                               std::map<std::string, std::string>& metadata) {
  const json header = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return absl::InvalidArgumentError("its header is no JSON object");
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadataKey) {
      if (const auto status = ParseMetadata(value, metadata); !status.ok()) return status;
      continue;
    }
    auto entry = ParseEntry(name, value, data_bytes);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].begin < entries[i - 1].end) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensors '", entries[i - 1].name, "' and '", entries[i].name, "' overlap"));
    }
  }
  return entries;
}

absl::StatusOr<std::string> ReadHeader(std::ifstream& stream, uint64_t file_bytes) {
  if (file_bytes < kLengthBytes) return absl::InvalidArgumentError("it is shorter than 8 bytes");
  uint8_t bytes[kLengthBytes];
  stream.read(reinterpret_cast<char*>(bytes), kLengthBytes);
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  if (length > file_bytes - kLengthBytes || length > kMaxHeaderBytes) {
    return absl::InvalidArgumentError("its header claims more than the file holds");
  }
  std::string text(length, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(length));
  if (!stream) return absl::InvalidArgumentError("its header can't be read");
  return text;
}

absl::StatusOr<torch::Tensor> ReadTensor(const Entry& entry, uint64_t data_start, std::ifstream& stream) {
  auto tensor = torch::empty(entry.shape, entry.type);
  stream.seekg(static_cast<std::streamoff>(data_start + entry.begin));
  stream.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(entry.end - entry.begin));
  if (!stream) return absl::InvalidArgumentError(absl::StrCat("tensor '", entry.name, "' can't be read"));
  const bool widen = entry.type == torch::kFloat16 || entry.type == torch::kBFloat16;
  return widen ? tensor.to(torch::kFloat32) : tensor;
}

absl::StatusOr<const char*> DtypeOf(const std::string& name, const torch::Tensor& tensor) {
  for (const DtypeName& dtype : kDtypes) {
    if (dtype.type == tensor.scalar_type()) return dtype.name;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", name, "' has type ", c10::toString(tensor.scalar_type()), ", which is not written"));
}

}  // namespace

absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path) {
  std::error_code error;
  const uint64_t file_bytes = std::filesystem::file_size(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (error || !stream) return absl::NotFoundError(absl::StrCat("can't open the weight file ", path));
  const auto text = ReadHeader(stream, file_bytes);
  if (!text.ok()) return Malformed(path, std::string(text.status().message()));
  const uint64_t data_start = kLengthBytes + text->size();
  SafetensorsFile file;
  const auto entries = ParseHeader(*text, file_bytes - data_start, file.metadata);
  if (!entries.ok()) return Malformed(path, std::string(entries.status().message()));
  for (const Entry& entry : *entries) {
    auto tensor = ReadTensor(entry, data_start, stream);
    if (!tensor.ok()) return Malformed(path, std::string(tensor.status().message()));
    file.tensors[entry.name] = *std::move(tensor);
  }
  return file;
}

absl::Status WriteSafetensors(const std::string& path, const SafetensorsFile& file) {
  json header = json::object();
  if (!file.metadata.empty()) header[kMetadataKey] = file.metadata;
  uint64_t offset = 0;
  std::vector<torch::Tensor> contents;
  for (const auto& [name, tensor] : file.tensors) {
    const auto dtype = DtypeOf(name, tensor);
    if (!dtype.ok()) return dtype.status();
    const uint64_t end = offset + tensor.nbytes();
    header[name] = {{"dtype", *dtype}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    contents.push_back(tensor.detach().to(torch::kCPU).contiguous());
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + kLengthBytes - 1) / kLengthBytes * kLengthBytes, ' ');  // data starts aligned

  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  for (size_t i = 0; i < kLengthBytes; ++i) stream.put(static_cast<char>(text.size() >> (8 * i) & 0xff));
  stream << text;
  for (const auto& tensor : contents) {
    stream.write(static_cast<const char*>(tensor.data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
  }
  stream.close();
  if (!stream || std::rename(temporary.c_str(), path.c_str()) != 0) {
    std::remove(temporary.c_str());
    return absl::InternalError(
        absl::StrCat("can't write ", path, ": check that the folder exists and has room"));
  }
  return absl::OkStatus();
}

}  // namespace loupe
