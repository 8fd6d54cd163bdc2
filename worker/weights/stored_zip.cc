#include "worker/weights/stored_zip.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

constexpr std::string_view kLocalSignature("PK\3\4", 4);
constexpr std::string_view kEntrySignature("PK\1\2", 4);
constexpr std::string_view kEndSignature("PK\5\6", 4);
constexpr uint64_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22;
constexpr uint64_t kMaxCommentBytes = 0xffff;
constexpr uint32_t kInZip64 = 0xffffffff;  // stands for a number of more than 32 bits

// Little-endian. Requires: it lies within `bytes`.
uint32_t Number(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= uint32_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  return value;
}

}  // namespace

absl::StatusOr<StoredZip> StoredZip::Open(const std::string& path) {
  StoredZip zip;
  zip.stream_.open(path, std::ios::binary | std::ios::ate);
  if (!zip.stream_) return absl::InvalidArgumentError("it can't be opened");
  zip.file_bytes_ = static_cast<uint64_t>(zip.stream_.tellg());
  if (absl::Status read = zip.ReadDirectory(); !read.ok()) return read;
  return zip;
}

absl::Status StoredZip::ReadDirectory() {
  const uint64_t tail_bytes = std::min(file_bytes_, kEndBytes + kMaxCommentBytes);
  const absl::StatusOr<std::string> tail = ReadAt(file_bytes_ - tail_bytes, tail_bytes);
  if (!tail.ok()) return tail.status();
  const size_t end = tail->rfind(kEndSignature);
  if (end == std::string::npos || tail->size() - end < kEndBytes) {
    return absl::InvalidArgumentError("it is cut short: its directory is missing");
  }
  const uint32_t bytes = Number(*tail, end + 12, 4), offset = Number(*tail, end + 16, 4);
  if (offset == kInZip64)
    return absl::InvalidArgumentError("it is larger than 4 GiB, which no detector's weights are");
  const absl::StatusOr<std::string> directory = ReadAt(offset, bytes);
  if (!directory.ok()) return directory.status();

  for (size_t at = 0; at < directory->size();) {
    const std::string_view entry = std::string_view(*directory).substr(at);
    if (!entry.starts_with(kEntrySignature) || entry.size() < kEntryBytes)
      return absl::InvalidArgumentError("its directory is damaged");
    const size_t name_bytes = Number(entry, 28, 2);
    const size_t entry_bytes = kEntryBytes + name_bytes + Number(entry, 30, 2) + Number(entry, 32, 2);
    if (entry_bytes > entry.size()) return absl::InvalidArgumentError("its directory is damaged");
    const std::string name(entry.substr(kEntryBytes, name_bytes));
    const bool encrypted = (Number(entry, 8, 2) & 1) != 0;
    if (encrypted || Number(entry, 10, 2) != 0) {
      return absl::InvalidArgumentError(
          "its records are compressed or encrypted, as PyTorch doesn't write them");
    }
    const uint32_t size = Number(entry, 24, 4);
    if (size > file_bytes_)
      return absl::InvalidArgumentError(
          absl::StrCat("its record '", name, "' claims more than the file holds"));
    if (records_.empty()) folder_ = name.substr(0, name.find('/') + 1);
    records_[name] = {Number(entry, 42, 4), size};
    at += entry_bytes;
  }
  return absl::OkStatus();
}

const StoredZip::Record* StoredZip::Find(const std::string& name) const {
  const auto found = records_.find(folder_ + name);
  return found == records_.end() ? nullptr : &found->second;
}

absl::Status StoredZip::Read(const Record& record, char* to) {
  const absl::StatusOr<std::string> header = ReadAt(record.header, kLocalBytes);
  if (!header.ok()) return header.status();
  if (!header->starts_with(kLocalSignature))
    return absl::InvalidArgumentError("its directory leads to something that is no record");
  const uint64_t begin = record.header + kLocalBytes + Number(*header, 26, 2) + Number(*header, 28, 2);
  if (begin > file_bytes_ || record.size > file_bytes_ - begin)
    return absl::InvalidArgumentError("it is cut short");
  stream_.seekg(static_cast<std::streamoff>(begin));
  stream_.read(to, static_cast<std::streamsize>(record.size));
  return stream_ ? absl::OkStatus() : absl::InvalidArgumentError("it can't be read");
}

absl::StatusOr<std::string> StoredZip::ReadAt(uint64_t offset, uint64_t count) {
  if (offset > file_bytes_ || count > file_bytes_ - offset) {
    return absl::InvalidArgumentError("it is cut short, or its directory claims more than the file holds");
  }
  std::string bytes(count, '\0');
  stream_.seekg(static_cast<std::streamoff>(offset));
  stream_.read(bytes.data(), static_cast<std::streamsize>(count));
  if (!stream_) return absl::InvalidArgumentError("it can't be read");
  return bytes;
}

}  // namespace loupe
