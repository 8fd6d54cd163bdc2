#include "db/stores/model_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

ModelRow ModelRowOf(const pqxx::row& row) {
  ModelRow model;
  model.id = IdOf<ModelId>(row["id"]);
  model.round = IdOf<RoundId>(row["round_id"]);
  model.replaced = IdOf<ModelId>(row["replaced_id"]);
  model.weights = Sha256Of(row["weights_sha256"]);
  v1::Model& message = model.message;
  message.set_id(model.id.value());
  message.set_number(row["number"].as<uint32_t>());
  message.set_name(row["name"].as<std::string>());
  message.set_preset(row["preset"].as<std::string>());
  message.set_state(row["state"].as<std::string>());
  message.set_parent(row["parent_number"].as<uint32_t>());
  message.set_round(row["round_number"].as<uint32_t>());
  message.set_replaced(row["replaced_number"].as<uint32_t>());
  message.set_weights_sha256(ToBytes(model.weights));
  message.set_weights_bytes(row["weights_bytes"].as<uint64_t>());
  message.set_snapshot_images(row["snapshot_images"].as<uint64_t>());
  message.set_snapshot_boxes(row["snapshot_boxes"].as<uint64_t>());
  if (!row["result"].is_null()) ParseMessage(row["result"], *message.mutable_evaluation());
  if (!row["gate"].is_null()) ParseMessage(row["gate"], *message.mutable_gate());
  *message.mutable_created_at() = TimestampOf(row["created_at"]);
  for (const double quality : DoublesOf(row["class_quality"])) message.add_class_quality(quality);
  return model;
}

}  // namespace

ModelId InsertModel(Transaction& transaction, ProjectId project, const NewModel& model) {
  return IdOf<ModelId>(transaction
                           .Exec("InsertModel", project, model.name, model.preset, model.parent, model.round,
                                 model.weights, model.weights_bytes, model.class_quality, model.class_count)
                           .at(0)["id"]);
}

std::optional<ModelRow> FindModel(Transaction& transaction, ProjectId project, const std::string& name) {
  const pqxx::result rows = transaction.Exec("FindModel", project, name);
  if (rows.empty()) return std::nullopt;
  return ModelRowOf(rows[0]);
}

absl::StatusOr<ModelRow> ReadNamedModel(Transaction& transaction, ProjectId project,
                                        const std::string& name) {
  std::optional<ModelRow> model = FindModel(transaction, project, name);
  if (model.has_value()) return *std::move(model);
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_MODEL",
               name.empty() ? "no model serves yet" : absl::StrCat("there is no model \"", name, "\""));
}

ModelRow ReadModel(Transaction& transaction, ModelId model) {
  return ModelRowOf(transaction.Exec("ReadModel", model).at(0));
}

std::optional<NamedWeights> FindWeights(Transaction& transaction, ModelId model) {
  const pqxx::result rows = transaction.Exec("FindWeights", model);
  if (rows.empty()) return std::nullopt;
  return NamedWeights{rows[0]["name"].as<std::string>(), Sha256Of(rows[0]["weights_sha256"])};
}

std::vector<ModelRow> ListModels(Transaction& transaction, ProjectId project, uint32_t below,
                                 uint32_t limit) {
  std::vector<ModelRow> models;
  for (const auto& row : transaction.Exec("ListModels", project, below, limit))
    models.push_back(ModelRowOf(row));
  return models;
}

std::map<uint32_t, uint64_t> CountWithdrawnLabels(Transaction& transaction, ProjectId project) {
  std::map<uint32_t, uint64_t> labels;
  for (const auto& row : transaction.Exec("SelectTrainedOnWithdrawn", project)) {
    labels[row["model_number"].as<uint32_t>()] = row["trained_on"].as<uint64_t>();
  }
  return labels;
}

v1::ModelProvenance ReadModelProvenance(Transaction& transaction, const ModelRow& model) {
  v1::ModelProvenance provenance;
  *provenance.mutable_model() = model.message;
  for (const auto& row : transaction.Exec("SelectAncestors", model.id)) {
    provenance.add_ancestors(row[0].as<uint32_t>());
  }
  for (const auto& row : transaction.Exec("SelectDescendants", model.id)) {
    provenance.add_descendants(row[0].as<uint32_t>());
  }
  for (const auto& row : transaction.Exec("SelectSnapshotOrigins", model.round)) {
    v1::OriginCount& count = *provenance.add_origins();
    count.set_origin(OriginOf(row["origin"]));
    count.set_boxes(row["boxes"].as<uint64_t>());
  }
  for (const auto& row : transaction.Exec("SelectSnapshotAuthors", model.round)) {
    v1::AuthorCount& count = *provenance.add_authors();
    count.set_author(row["author"].as<std::string>());
    count.set_images(row["images"].as<uint64_t>());
    count.set_blind_images(row["blind_images"].as<uint64_t>());
    count.set_boxes(row["boxes"].as<uint64_t>());
  }
  return provenance;
}

void ServeModel(Transaction& transaction, ProjectId project, ModelId model, Replaced replaced,
                PrincipalId by) {
  const pqxx::result served = transaction.Exec("RetireServingModel", project, model);
  const ModelId before = served.empty() ? ModelId() : IdOf<ModelId>(served[0]["id"]);
  transaction.Exec("ServeModel", model, before, replaced == Replaced::kRemember, by);
}

void HoldModel(Transaction& transaction, ModelId model) { transaction.Exec("HoldModel", model); }

}  // namespace loupe
