#include "db/uploads/upload_store.h"

#include "db/transaction.h"

namespace loupe {

WaitingUploads LockUploads(Transaction& transaction, PrincipalId principal) {
  const pqxx::row row = transaction.Exec("LockUpload", principal).at(0);
  return {row["files"].as<uint64_t>(), row["bytes"].as<uint64_t>()};
}

std::map<Sha256, UploadedFile> FindUploads(Transaction& transaction, PrincipalId principal,
                                           const std::vector<Sha256>& files) {
  std::map<Sha256, UploadedFile> found;
  for (const auto& row : transaction.Exec("SelectUploads", principal, files)) {
    found[Sha256Of(row["file_sha256"])] = {row["received"].as<uint64_t>(), row["is_complete"].as<bool>()};
  }
  return found;
}

void InsertUploadPart(Transaction& transaction, PrincipalId principal, const Sha256& file, uint64_t offset,
                      const Sha256& part, uint64_t size_bytes) {
  transaction.Exec("InsertUploadPart", principal, file, static_cast<int64_t>(offset), part,
                   static_cast<int64_t>(size_bytes));
}

std::vector<Sha256> ReadUploadParts(Transaction& transaction, PrincipalId principal, const Sha256& file) {
  std::vector<Sha256> parts;
  for (const auto& row : transaction.Exec("SelectUploadParts", principal, file)) {
    parts.push_back(Sha256Of(row[0]));
  }
  return parts;
}

std::vector<Sha256> DeleteUploads(Transaction& transaction, PrincipalId principal,
                                  const std::vector<Sha256>& files) {
  std::vector<Sha256> blobs;
  for (const auto& row : transaction.Exec("DeleteUploads", principal, files)) {
    blobs.push_back(Sha256Of(row["sha256"]));
  }
  return blobs;
}

std::vector<std::pair<PrincipalId, Sha256>> ReadOldUploads(Transaction& transaction, PrincipalId principal,
                                                           int limit) {
  std::vector<std::pair<PrincipalId, Sha256>> files;
  for (const auto& row : transaction.Exec("SelectOldUploads", principal, limit)) {
    files.emplace_back(IdOf<PrincipalId>(row["principal_id"]), Sha256Of(row["file_sha256"]));
  }
  return files;
}

}  // namespace loupe
