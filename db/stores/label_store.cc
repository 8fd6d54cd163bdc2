#include "db/stores/label_store.h"

#include "db/rows/labeling_row.h"
#include "db/transaction.h"

namespace loupe {

bool ImportLabels(Transaction& transaction, ImageId image, PrincipalId author, bool blind, bool replace,
                  const std::vector<NewBox>& boxes) {
  const BoxColumns columns(boxes);
  return !transaction
              .Exec("ImportRevision", image, author, blind, replace, columns.corners, columns.labels,
                    columns.ignores)
              .at(0)[0]
              .is_null();
}

std::optional<Truth> LockTruth(Transaction& transaction, ProjectId project, ImageId image,
                               PrincipalId principal) {
  const pqxx::result rows = transaction.Exec("LockTruth", project, image, principal);
  if (rows.empty()) return std::nullopt;
  Truth truth;
  truth.state = ImageStateOf(rows[0]["state"]);
  truth.has_planted_answer = rows[0]["has_planted_answer"].as<bool>();
  if (!rows[0]["author_id"].is_null()) truth.author = IdOf<PrincipalId>(rows[0]["author_id"]);
  return truth;
}

std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadTruth(Transaction& transaction,
                                                                 const std::vector<ImageId>& images) {
  std::unordered_map<int64_t, std::vector<v1::LabelBox>> truth;
  for (const auto& row : transaction.Exec("SelectTruth", images)) {
    truth[row["id"].as<int64_t>()].push_back(LabelBoxOf(row));
  }
  return truth;
}

std::vector<v1::LabelledImage> ReadLabelledImages(Transaction& transaction, ProjectId project, v1::Side side,
                                                  const std::vector<ImageId>& only, ImageId after,
                                                  int limit) {
  const std::string side_name = SideName(side);
  const pqxx::result rows =
      only.empty() ? transaction.Exec("SelectLabelledImages", project, side_name, after, limit)
                   : transaction.Exec("SelectTheseLabelledImages", project, side_name, after, limit, only);
  std::vector<v1::LabelledImage> images;
  for (const auto& row : rows) {
    if (images.empty() || images.back().image().id() != row["id"].as<int64_t>()) {
      v1::LabelledImage& image = images.emplace_back();
      *image.mutable_image() = ShownImage(row);
      image.set_revision(row["truth_number"].as<uint32_t>());
    }
    if (!row["box_id"].is_null()) *images.back().add_boxes() = LabelBoxOf(row);
  }
  return images;
}

}  // namespace loupe
