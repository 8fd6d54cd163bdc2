// Reads zip archives whose records are not compressed: PyTorch writes its weight files so. Nothing is
// unpacked, so a record is never larger than the file. Source: PKWARE APPNOTE.TXT, sections 4.3.7, 4.3.12
// and 4.3.16.

#ifndef LOUPE_WORKER_STORED_ZIP_H_
#define LOUPE_WORKER_STORED_ZIP_H_

#include <cstdint>
#include <fstream>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

class StoredZip {
 public:
  struct Record {
    uint64_t header = 0;  // offset of its local header in the file
    uint64_t size = 0;    // in bytes; at most the size of the file
  };

  // Reads the directory at the end of the file.
  // Errors: INVALID_ARGUMENT, without path, when there is no directory (the file is cut short), when the
  // directory claims more than the file holds, when records are compressed or encrypted, or when the archive
  // is above 4 GiB.
  static absl::StatusOr<StoredZip> Open(const std::string& path);

  // The record `name` in the folder of the archive's first record; null when there is none.
  const Record* Find(const std::string& name) const;

  // Copies the record's bytes to `to`. Requires: there is room for them.
  // Errors: INVALID_ARGUMENT, without path, when the record reaches beyond the end of the file.
  absl::Status Read(const Record& record, char* to);

  uint64_t file_bytes() const { return file_bytes_; }

 private:
  StoredZip() = default;
  absl::Status ReadDirectory();
  absl::StatusOr<std::string> ReadAt(uint64_t offset, uint64_t count);

  std::ifstream stream_;
  uint64_t file_bytes_ = 0;
  std::string folder_;  // ends with a slash
  std::map<std::string, Record> records_;
};

}  // namespace loupe

#endif  // LOUPE_WORKER_STORED_ZIP_H_
