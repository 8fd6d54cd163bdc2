#include "db/stores/image_store.h"

#include <algorithm>
#include <utility>

#include "db/rows/labeling_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

std::optional<v1::Image> FirstImage(const pqxx::result& rows) {
  if (rows.empty()) return std::nullopt;
  return ShownImage(rows[0]);
}

// Rows per statement.
constexpr size_t kBatch = 1000;

// One batch as the parallel arrays that the statement InsertImages takes.
struct ImageColumns {
  std::vector<Sha256> hashes;
  std::vector<std::string> file_names;
  std::vector<uint32_t> widths;
  std::vector<uint32_t> heights;
  std::vector<uint64_t> sizes;
  std::vector<std::string> media_types;
  std::vector<std::string> groups;
  std::vector<double> keys;
  std::vector<std::string> sides;

  void Add(const v1::Image& image) {
    hashes.push_back(*FromBytes(image.sha256()));
    file_names.push_back(image.file_name());
    widths.push_back(image.width());
    heights.push_back(image.height());
    sizes.push_back(image.size_bytes());
    media_types.push_back(image.media_type());
    groups.push_back(image.group());
    keys.push_back(image.sampling_key());
    sides.emplace_back(SideName(image.side()));
  }
};

}  // namespace

std::vector<v1::Image> ListImages(Transaction& transaction, ProjectId project, const ImageFilter& filter,
                                  ImageId after, int limit) {
  std::vector<v1::Image> images;
  for (const auto& row : transaction.Exec("SelectImages", project, SideName(filter.side), filter.labelled,
                                          after, limit, filter.unusable)) {
    images.push_back(ShownImage(row));
  }
  return images;
}

std::optional<v1::Image> FindImage(Transaction& transaction, ProjectId project, ImageId image) {
  return FirstImage(transaction.Exec("SelectImage", project, image));
}

std::unordered_map<int64_t, v1::Image> ReadImages(Transaction& transaction, ProjectId project,
                                                  const std::vector<ImageId>& images) {
  std::unordered_map<int64_t, v1::Image> by_id;
  for (const auto& row : transaction.Exec("SelectImagesById", project, images)) {
    v1::Image image = ShownImage(row);
    by_id.emplace(image.id(), std::move(image));
  }
  return by_id;
}

std::optional<std::string> FindMediaType(Transaction& transaction, const Sha256& hash) {
  const pqxx::result rows = transaction.Exec("FindMediaType", hash);
  if (rows.empty()) return std::nullopt;
  return rows[0][0].as<std::string>();
}

std::vector<v1::Image> FindImages(Transaction& transaction, ProjectId project, const std::string& file_name) {
  std::vector<v1::Image> images;
  for (const auto& row : transaction.Exec("SelectImagesByFileName", project, file_name)) {
    images.push_back(ShownImage(row));
  }
  return images;
}

SetAsideImages ReadSetAside(Transaction& transaction, RoundId round, int limit) {
  SetAsideImages images;
  for (const auto& row : transaction.Exec("SelectSetAsideByRound", round, limit)) {
    images.first.push_back(ShownImage(row));
    images.total = row["total"].as<uint64_t>();
  }
  return images;
}

void SetImageAside(Transaction& transaction, ImageId image, const std::string& reason, RoundId round,
                   PrincipalId by) {
  transaction.Exec("SetImageAside", image, reason, round, by);
}

bool ExcludeImage(Transaction& transaction, ImageId image, const std::string& reason, PrincipalId by) {
  return !transaction.Exec("ExcludeImage", image, reason, by).empty();
}

void RestoreImage(Transaction& transaction, ImageId image, PrincipalId by) {
  transaction.Exec("LockActiveRankings");
  transaction.Exec("RestoreImage", image, by);
}

std::vector<ImageOutcome> ExcludeImages(Transaction& transaction, ProjectId project,
                                        const std::vector<ImageId>& images, const std::string& reason,
                                        PrincipalId by) {
  return OutcomesOf(transaction.Exec("ExcludeImages", project, images, reason, by));
}

std::vector<ImageOutcome> RestoreImages(Transaction& transaction, ProjectId project,
                                        const std::vector<ImageId>& images, PrincipalId by) {
  transaction.Exec("LockActiveRankings");
  return OutcomesOf(transaction.Exec("RestoreImages", project, images, by));
}

std::vector<std::string> FindNamesInFolders(Transaction& transaction, ProjectId project,
                                            const std::string& file_name) {
  constexpr int kNames = 3;
  std::vector<std::string> names;
  for (const auto& row : transaction.Exec("FindNamesInFolders", project, file_name, kNames)) {
    names.push_back(row[0].as<std::string>());
  }
  return names;
}

void RemoveImage(Transaction& transaction, ImageId image, const std::string& reason, PrincipalId by) {
  transaction.Exec("LockImageToRemove", image);
  transaction.Exec("RemoveImage", image, reason, by);
}

std::vector<Sha256> InsertImages(Transaction& transaction, ProjectId project,
                                 const std::vector<v1::Image>& images) {
  std::vector<Sha256> added;
  for (size_t begin = 0; begin < images.size(); begin += kBatch) {
    ImageColumns columns;
    for (size_t i = begin; i < std::min(begin + kBatch, images.size()); ++i) columns.Add(images[i]);
    for (const auto& row : transaction.Exec(
             "InsertImages", project, columns.hashes, columns.file_names, columns.widths, columns.heights,
             columns.sizes, columns.media_types, columns.groups, columns.keys, columns.sides)) {
      added.push_back(Sha256Of(row["sha256"]));
    }
  }
  return added;
}

std::vector<KnownImage> FindImages(Transaction& transaction, ProjectId project,
                                   const std::vector<Sha256>& hashes) {
  std::vector<KnownImage> images;
  for (size_t begin = 0; begin < hashes.size(); begin += kBatch) {
    const std::vector<Sha256> batch(
        hashes.begin() + static_cast<ptrdiff_t>(begin),
        hashes.begin() + static_cast<ptrdiff_t>(std::min(begin + kBatch, hashes.size())));
    for (const auto& row : transaction.Exec("SelectImagesByHash", project, batch)) {
      images.push_back({IdOf<ImageId>(row["id"]), Sha256Of(row["sha256"]), SideOf(row["side"]),
                        ImageStateOf(row["state"]), row["group_name"].as<std::string>(),
                        row["labelled"].as<bool>(), row["imported"].as<bool>(), row["blind"].as<bool>()});
    }
  }
  return images;
}

}  // namespace loupe
