#include "worker/weights/safetensors.h"

#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "content/safetensors_header.h"
#include "content/whole_file.h"

namespace loupe {
namespace {

using nlohmann::json;

struct DtypeName {
  const char* name;
  torch::ScalarType type;
};

constexpr DtypeName kDtypes[] = {
    {"F32", torch::kFloat32}, {"F64", torch::kFloat64}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
    {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
    {"U8", torch::kUInt8},    {"BOOL", torch::kBool},
};

absl::Status Malformed(const std::string& path, const absl::Status& error) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is not a sound safetensors file: ", error.message()));
}

absl::StatusOr<torch::Tensor> ReadTensor(const SafetensorsTensor& entry, uint64_t data_start,
                                         std::ifstream& stream) {
  const auto known = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                  [&](const DtypeName& dtype) { return entry.dtype == dtype.name; });
  if (known == std::end(kDtypes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor '", entry.name, "' has the dtype ", entry.dtype, ", which LibTorch lacks"));
  }
  auto tensor = torch::empty(entry.shape, known->type);
  stream.seekg(static_cast<std::streamoff>(data_start + entry.begin));
  stream.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(entry.end - entry.begin));
  if (!stream) return absl::InvalidArgumentError(absl::StrCat("tensor '", entry.name, "' can't be read"));
  const bool widen = known->type == torch::kFloat16 || known->type == torch::kBFloat16;
  return widen ? tensor.to(torch::kFloat32) : tensor;
}

absl::StatusOr<const char*> DtypeOf(const std::string& name, const torch::Tensor& tensor) {
  for (const DtypeName& dtype : kDtypes) {
    if (dtype.type == tensor.scalar_type()) return dtype.name;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", name, "' has type ", c10::toString(tensor.scalar_type()), ", which is not written"));
}

// The header of a file, with its length, padded with spaces so that the data begin at a multiple of 8 bytes.
// Fills `contents` with the tensors in the order of their data.
absl::StatusOr<std::string> MakeHeader(const SafetensorsFile& file, std::vector<torch::Tensor>& contents) {
  json header = json::object();
  if (!file.metadata.empty()) header[kSafetensorsMetadataKey] = file.metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const auto dtype = DtypeOf(name, tensor);
    if (!dtype.ok()) return dtype.status();
    const uint64_t end = offset + tensor.nbytes();
    header[name] = {{"dtype", *dtype}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    contents.push_back(tensor.detach().to(torch::kCPU).contiguous());
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.resize((text.size() + kSafetensorsLengthBytes - 1) / kSafetensorsLengthBytes * kSafetensorsLengthBytes,
              ' ');
  std::string length;
  for (size_t i = 0; i < kSafetensorsLengthBytes; ++i) {
    length.push_back(static_cast<char>(text.size() >> (8 * i) & 0xff));
  }
  return length + text;
}

// Errors: WholeFile's.
absl::Status WriteWholeSafetensors(const std::string& path, const std::string& header,
                                   const std::vector<torch::Tensor>& contents) {
  absl::StatusOr<WholeFile> file = WholeFile::Open(path);
  if (!file.ok()) return file.status();
  absl::Status written = file->Append(header);
  for (const torch::Tensor& tensor : contents) {
    if (!written.ok()) return written;
    written = file->Append({static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()});
  }
  return written.ok() ? file->Commit(Durability::kLater) : written;
}

}  // namespace

absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::string& path) {
  std::error_code error;
  const uint64_t file_bytes = std::filesystem::file_size(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (error || !stream) return absl::NotFoundError(absl::StrCat("can't open the weight file ", path));
  absl::StatusOr<SafetensorsHeader> header = ReadSafetensorsHeader(stream, file_bytes);
  if (!header.ok()) return Malformed(path, header.status());
  const auto data_start = static_cast<uint64_t>(stream.tellg());
  SafetensorsFile file;
  file.metadata = std::move(header->metadata);
  for (const SafetensorsTensor& entry : header->tensors) {
    absl::StatusOr<torch::Tensor> tensor = ReadTensor(entry, data_start, stream);
    if (!tensor.ok()) return Malformed(path, tensor.status());
    file.tensors[entry.name] = *std::move(tensor);
  }
  return file;
}

absl::Status WriteSafetensors(const std::string& path, const SafetensorsFile& file) {
  std::vector<torch::Tensor> contents;
  const absl::StatusOr<std::string> header = MakeHeader(file, contents);
  if (!header.ok()) return header.status();
  const absl::Status written = WriteWholeSafetensors(path, *header, contents);
  if (written.ok()) return written;
  const std::string what =
      absl::StrCat(written.message(), "; check that the file's folder exists and has room");
  return absl::IsResourceExhausted(written) ? absl::ResourceExhaustedError(what) : absl::InternalError(what);
}

}  // namespace loupe
