#include "db/lineage/label_history.h"

#include <unordered_map>
#include <vector>

#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

v1::Revision RevisionOf(const pqxx::row& row) {
  v1::Revision revision;
  revision.set_revision_id(row["id"].as<int64_t>());
  revision.set_number(row["number"].as<uint32_t>());
  revision.set_source(row["source"].as<std::string>());
  revision.set_author(row["author"].as<std::string>());
  *revision.mutable_created_at() = TimestampOf(row["created_at"]);
  revision.set_blind(row["blind"].as<bool>());
  revision.set_late(row["late"].as<bool>());
  revision.set_spent_ms(row["spent_ms"].as<uint32_t>());
  revision.set_previous_hash(BytesOf(row["previous_hash"]));
  revision.set_hash(BytesOf(row["hash"]));
  revision.set_standing(StandingOf(row["standing"]));
  revision.set_based_on(Nullable<uint32_t>(row["based_on"]).value_or(0));
  revision.set_client(row["client"].as<std::string>());
  revision.set_note(row["note"].as<std::string>());
  for (const std::string& flag : TextsOf(row["flags"])) revision.add_flags(flag);
  revision.set_withdrawal(Nullable<int64_t>(row["withdrawal_id"]).value_or(0));
  if (row["task_id"].is_null()) return revision;
  revision.set_task_id(row["task_id"].as<int64_t>());
  revision.set_shown_model(row["shown_model"].as<uint32_t>());
  if (!row["position"].is_null()) *revision.mutable_reason() = ReasonOf(row);
  return revision;
}

v1::BoxSource BoxSourceOf(const pqxx::row& row) {
  v1::BoxSource source;
  source.set_model(row["model"].as<uint32_t>());
  *source.mutable_box() = PredictedBoxOf(row);
  source.set_outcome(OutcomeOf(row["outcome"]));
  source.set_iou(row["iou"].as<double>());
  return source;
}

}  // namespace

v1::ImageProvenance ReadProvenance(Transaction& transaction, const v1::Image& image) {
  v1::ImageProvenance provenance;
  *provenance.mutable_image() = image;
  std::unordered_map<int64_t, v1::Revision*> by_id;
  for (const auto& row : transaction.Exec("SelectRevisions", image.id())) {
    *provenance.add_revisions() = RevisionOf(row);
  }
  for (v1::Revision& revision : *provenance.mutable_revisions()) by_id[revision.revision_id()] = &revision;
  for (const auto& row : transaction.Exec("SelectRevisionBoxes", image.id())) {
    *by_id.at(row["revision_id"].as<int64_t>())->add_boxes() = LabelBoxOf(row);
  }
  for (const auto& row : transaction.Exec("SelectOutcomes", image.id())) {
    v1::ShownBox& shown = *by_id.at(row["revision_id"].as<int64_t>())->add_shown_boxes();
    *shown.mutable_box() = PredictedBoxOf(row);
    shown.set_outcome(OutcomeOf(row["outcome"]));
  }
  for (const auto& row : transaction.Exec("SelectTrainedInRounds", image.id())) {
    provenance.add_trained_in_rounds(row[0].as<uint32_t>());
  }
  for (const auto& row : transaction.Exec("SelectPseudoLabelledInRounds", image.id())) {
    provenance.add_pseudo_labelled_in_rounds(row[0].as<uint32_t>());
  }
  for (const auto& row : transaction.Exec("SelectPredictingModels", image.id())) {
    provenance.add_predicted_by_models(row[0].as<uint32_t>());
  }
  return provenance;
}

std::optional<ImageId> FindImageOfBox(Transaction& transaction, ProjectId project, int64_t box_id) {
  const pqxx::result rows = transaction.Exec("FindImageOfBox", project, box_id);
  if (rows.empty()) return std::nullopt;
  return IdOf<ImageId>(rows[0][0]);
}

v1::BoxProvenance ReadBoxProvenance(Transaction& transaction, ProjectId project, const v1::Image& image,
                                    int64_t box_id) {
  v1::BoxProvenance provenance;
  provenance.set_box_id(box_id);
  *provenance.mutable_image() = image;
  v1::ImageProvenance history = ReadProvenance(transaction, image);
  std::unordered_map<int64_t, v1::Revision*> by_id;
  for (v1::Revision& revision : *history.mutable_revisions()) by_id[revision.revision_id()] = &revision;
  std::vector<int64_t> revisions;
  for (const auto& row : transaction.Exec("SelectBoxSources", image.id(), box_id)) {
    v1::Revision& revision = *by_id.at(row["revision_id"].as<int64_t>());
    revisions.push_back(revision.revision_id());
    if (row["is_truth"].as<bool>()) provenance.set_in_truth(true);
    v1::BoxRevision& held = *provenance.add_revisions();
    for (const v1::LabelBox& box : revision.boxes()) {
      if (box.box_id() == box_id) *held.mutable_box() = box;
    }
    if (!row["spent_ms"].is_null()) held.set_spent_ms(row["spent_ms"].as<uint32_t>());
    if (!row["model"].is_null()) *held.mutable_source() = BoxSourceOf(row);
    revision.clear_boxes();
    revision.clear_shown_boxes();
    *held.mutable_revision() = std::move(revision);
  }
  for (const auto& row : transaction.Exec("SelectModelsTrainedOnRevisions", project, revisions)) {
    provenance.add_trained_models(row[0].as<uint32_t>());
  }
  return provenance;
}

}  // namespace loupe
