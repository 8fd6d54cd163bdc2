#include "db/stores/needed_blob_store.h"

#include "db/transaction.h"

namespace loupe {
namespace {

BlobKind KindOf(const pqxx::field& field) {
  const std::string name = field.as<std::string>();
  if (name == "picture") return BlobKind::kPicture;
  if (name == "weights") return BlobKind::kWeights;
  if (name == "checkpoint") return BlobKind::kCheckpoint;
  if (name == "upload") return BlobKind::kUpload;
  throw pqxx::conversion_error("unknown kind of blob " + name);
}

}  // namespace

std::map<Sha256, NeededBlob> ReadNeededBlobs(Transaction& transaction, uint8_t first_byte) {
  Sha256 first{}, last{};
  last.fill(0xff);
  first[0] = last[0] = first_byte;
  std::map<Sha256, NeededBlob> needed;
  for (const auto& row : transaction.Exec("SelectNeededBlobs", first, last)) {
    needed.emplace_hint(needed.end(), Sha256Of(row[0]), NeededBlob{KindOf(row[1]), row[2].as<std::string>()});
  }
  return needed;
}

std::vector<Sha256> HashesNotInUse(Transaction& transaction, const std::vector<Sha256>& hashes) {
  std::vector<Sha256> unused;
  for (const auto& row : transaction.Exec("HashesNotInUse", hashes)) unused.push_back(Sha256Of(row[0]));
  return unused;
}

uint64_t ReadDatabaseBytes(Transaction& transaction) {
  return transaction.Exec("SelectDatabaseBytes").at(0)[0].as<uint64_t>();
}

void LockBlobsForErasure(Transaction& transaction) { transaction.Exec("LockBlobsForErasure"); }
void LockBlobsForUse(Transaction& transaction) { transaction.Exec("LockBlobsForUse"); }

}  // namespace loupe
