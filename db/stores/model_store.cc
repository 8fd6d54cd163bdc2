#include "db/stores/model_store.h"

#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

ModelRow RowOf(const pqxx::row& row) {
  ModelRow model;
  model.id = IdOf<ModelId>(row[0]);
  model.round = IdOf<RoundId>(row[7]);
  model.replaced = IdOf<ModelId>(row[14]);
  model.weights = Sha256Of(row[8]);
  v1::Model& message = model.message;
  message.set_id(model.id.value());
  message.set_number(row[1].as<uint32_t>());
  message.set_name(row[2].as<std::string>());
  message.set_preset(row[3].as<std::string>());
  message.set_state(row[4].as<std::string>());
  message.set_parent(row[5].as<uint32_t>());
  message.set_round(row[6].as<uint32_t>());
  message.set_weights_sha256(ToBytes(model.weights));
  message.set_weights_bytes(row[9].as<uint64_t>());
  message.set_snapshot_images(row[10].as<uint64_t>());
  message.set_snapshot_boxes(row[11].as<uint64_t>());
  if (!row[12].is_null()) ParseMessage(row[12], *message.mutable_evaluation());
  if (!row[13].is_null()) ParseMessage(row[13], *message.mutable_gate());
  *message.mutable_created_at() = TimestampOf(row[15]);
  for (const double quality : DoublesOf(row[16])) message.add_class_quality(quality);
  return model;
}

}  // namespace

ModelId InsertModel(Transaction& transaction, ProjectId project, const NewModel& model) {
  return IdOf<ModelId>(transaction
                           .Exec("InsertModel", project, model.name, model.preset, model.parent, model.round,
                                 model.weights, model.weights_bytes, model.class_quality)
                           .at(0)[0]);
}

std::optional<ModelRow> FindModel(Transaction& transaction, ProjectId project, const std::string& name) {
  const pqxx::result rows = transaction.Exec("SelectModel", project, name);
  if (rows.empty()) return std::nullopt;
  return RowOf(rows[0]);
}

ModelRow ReadModel(Transaction& transaction, ModelId model) {
  return RowOf(transaction.Exec("SelectModelById", model).at(0));
}

std::vector<ModelRow> ListModels(Transaction& transaction, ProjectId project, uint32_t below,
                                 uint32_t limit) {
  std::vector<ModelRow> models;
  for (const auto& row : transaction.Exec("SelectModels", project, below, limit))
    models.push_back(RowOf(row));
  return models;
}

void ServeModel(Transaction& transaction, ProjectId project, ModelId model, Replaced replaced) {
  const pqxx::result served = transaction.Exec("RetireServingModel", project, model);
  const ModelId before = served.empty() ? ModelId() : IdOf<ModelId>(served[0][0]);
  transaction.Exec("ServeModel", model, replaced == Replaced::kRemember ? before : ModelId());
}

void HoldModel(Transaction& transaction, ModelId model) { transaction.Exec("HoldModel", model); }

}  // namespace loupe
