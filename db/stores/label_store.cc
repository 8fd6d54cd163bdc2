#include "db/stores/label_store.h"

#include "absl/strings/str_cat.h"
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

// State while the revisions of one image are checked in order.
struct ChainWalk {
  int64_t image = 0;
  int64_t head = 0;   // the end of the chain; 0: none
  int64_t truth = 0;  // 0: none
  int64_t last_revision = 0;
  std::vector<int64_t> truths;  // revisions that were written as the truth and not withdrawn so far
  uint32_t last_number = 0;
  std::string last_hash;
};

void EndOfChain(const ChainWalk& walk, ChainCheck& check) {
  if (walk.head != walk.last_revision) {
    check.breaks.push_back(absl::StrCat("image ", walk.image, ": its history ends with revision ", walk.head,
                                        ", and the last there is ", walk.last_revision));
  }
  const int64_t last_truth = walk.truths.empty() ? 0 : walk.truths.back();
  if (walk.truth != last_truth) {
    check.breaks.push_back(absl::StrCat("image ", walk.image, ": its truth is revision ", walk.truth,
                                        ", and by its history ", last_truth));
  }
}

void CheckRevision(const pqxx::row& row, ChainWalk& walk, ChainCheck& check) {
  const auto number = row["number"].as<uint32_t>();
  const std::string where = absl::StrCat("image ", walk.image, " revision ", number, ": ");
  ++check.revisions;
  check.boxes += row["boxes"].as<uint64_t>();
  if (number != walk.last_number + 1) {
    check.breaks.push_back(absl::StrCat(where, "follows revision ", walk.last_number));
  }
  const std::string previous = walk.last_number == 0 ? std::string(32, '\0') : walk.last_hash;
  if (BytesOf(row["previous_hash"]) != previous) {
    check.breaks.push_back(absl::StrCat(where, "its hash of the revision before it is wrong"));
  }
  if (BytesOf(row["hash"]) != BytesOf(row["computed"])) {
    check.breaks.push_back(absl::StrCat(where, "its content was changed after it was written"));
  }
  walk.last_number = number;
  walk.last_revision = row["revision_id"].as<int64_t>();
  const v1::Standing standing = StandingOf(row["standing"]);
  if (standing == v1::STANDING_TRUTH) walk.truths.push_back(walk.last_revision);
  if (standing == v1::STANDING_WITHDRAWN && std::erase(walk.truths, row["based_on"].as<int64_t>()) == 0) {
    check.breaks.push_back(absl::StrCat(where, "withdraws what was not the truth"));
  }
  walk.last_hash = BytesOf(row["hash"]);
}

}  // namespace

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

ChainCheck CheckChain(Transaction& transaction, ProjectId project, ImageId after, int limit) {
  ChainCheck check;
  ChainWalk walk;
  for (const auto& row : transaction.Exec("RecomputeHashes", project, after, limit)) {
    const auto image = row["id"].as<int64_t>();
    if (image != walk.image) {
      EndOfChain(walk, check);
      walk = ChainWalk();
      walk.image = image;
      walk.head = Nullable<int64_t>(row["head_revision_id"]).value_or(0);
      walk.truth = Nullable<int64_t>(row["truth_revision_id"]).value_or(0);
      if (!row["revision_id"].is_null()) ++check.images;
    }
    if (!row["revision_id"].is_null()) CheckRevision(row, walk, check);
    check.last_image = ImageId(image);
  }
  EndOfChain(walk, check);
  return check;
}

}  // namespace loupe
