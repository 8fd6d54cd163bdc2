// Zip archives whose records are stored as they are, which is how PyTorch writes its weight files. Nothing is
// unpacked, so that no record is larger than the file, whatever a directory claims. Source: PKWARE
// APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.

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
    uint64_t size = 0;    // bytes; at most the file's
  };

  // Reads the directory at the end of the file.
  // Errors, without path: INVALID_ARGUMENT when there is none (a file that is cut short), when it claims more
  // than the file holds, or for records that are compressed or encrypted, or archives above 4 GiB.
  static absl::StatusOr<StoredZip> Open(const std::string& path);

  // By name within the folder that the archive's first record is in. Null when there is none.
  const Record* Find(const std::string& name) const;

  // Copies the record's bytes to `to`, which has room for them.
  // Errors: INVALID_ARGUMENT, without path, when they lie beyond the end of the file.
  absl::Status Read(const Record& record, char* to);

  uint64_t file_bytes() const { return file_bytes_; }

 private:
  StoredZip() = default;
  absl::Status ReadDirectory();
  absl::StatusOr<std::string> ReadAt(uint64_t offset, uint64_t count);

  std::ifstream stream_;
  uint64_t file_bytes_ = 0;
  std::string folder_;  // with its slash
  std::map<std::string, Record> records_;
};

}  // namespace loupe

#endif  // LOUPE_WORKER_STORED_ZIP_H_
