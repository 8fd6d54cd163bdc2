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

std::optional<Truth> LockTruth(Transaction& transaction, ProjectId project, ImageId image) {
  const pqxx::result rows = transaction.Exec("LockTruth", project, image);
  if (rows.empty()) return std::nullopt;
  Truth truth{ImageStateOf(rows[0]["state"]), std::nullopt};
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
                                                  ImageId after, int limit) {
  const char* side_name = side == v1::POOL ? "pool" : side == v1::HOLDOUT ? "holdout" : "";
  std::vector<v1::LabelledImage> images;
  for (const auto& row : transaction.Exec("SelectLabelledImages", project, side_name, after, limit)) {
    if (images.empty() || images.back().image().id() != row["id"].as<int64_t>()) {
      v1::LabelledImage& image = images.emplace_back();
      *image.mutable_image() = ShownImage(row);
      image.set_revision(row["truth_number"].as<uint32_t>());
    }
    if (!row["box_id"].is_null()) *images.back().add_boxes() = LabelBoxOf(row);
  }
  return images;
}

v1::WithdrawResponse SummarizeWithdrawal(Transaction& transaction, const LabelsToWithdraw& labels) {
  v1::WithdrawResponse summary;
  const pqxx::row row =
      transaction
          .Exec("SummarizeWithdrawal", labels.project, labels.author, labels.model, labels.from, labels.to)
          .at(0);
  summary.set_revisions(row["revisions"].as<uint64_t>());
  summary.set_images(row["images"].as<uint64_t>());
  summary.set_earlier_truths(row["earlier_truths"].as<uint64_t>());
  summary.set_unlabelled_images(row["unlabelled"].as<uint64_t>());
  summary.set_unlabelled_holdout_images(row["unlabelled_holdout"].as<uint64_t>());
  for (const auto& model : transaction.Exec("SelectModelsTrainedOnLabels", labels.project, labels.author,
                                            labels.model, labels.from, labels.to)) {
    v1::ModelTrainedOn& trained = *summary.add_models();
    trained.set_model(model["model_number"].as<uint32_t>());
    trained.set_labels(model["trained_on"].as<uint64_t>());
  }
  return summary;
}

v1::WithdrawResponse WithdrawLabels(Transaction& transaction, const LabelsToWithdraw& labels,
                                    PrincipalId by) {
  transaction.Exec("LockLabelsToWithdraw", labels.project, labels.author, labels.model, labels.from,
                   labels.to);
  const v1::WithdrawResponse summary = SummarizeWithdrawal(transaction, labels);
  transaction.Exec("WithdrawLabels", labels.project, labels.author, labels.model, labels.from, labels.to, by);
  // The queue may have gone past them. The lock comes last, since the queue's upkeep waits for it.
  transaction.Exec("LockActiveRankings");
  transaction.Exec("RewindFirstOpen", labels.project);
  return summary;
}

}  // namespace loupe
