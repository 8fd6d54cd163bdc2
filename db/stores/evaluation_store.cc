#include "db/stores/evaluation_store.h"

#include <utility>

#include "db/rows/labeling_row.h"
#include "db/transaction.h"

namespace loupe {

namespace {

std::vector<HoldoutImage> TruthFrom(const pqxx::result& rows) {
  std::vector<HoldoutImage> images;
  for (const auto& row : rows) {
    const auto id = IdOf<ImageId>(row["id"]);
    if (images.empty() || images.back().id != id) {
      images.push_back({id,
                        row["sampling_key"].as<double>(),
                        row["known_classes"].as<uint32_t>(),
                        {},
                        row["area"].as<double>()});
    }
    if (row["label"].is_null()) continue;
    v1::LabelBox& box = images.back().boxes.emplace_back();
    box.set_box_id(row["box_id"].as<int64_t>());
    box.set_label(row["label"].as<uint32_t>());
    *box.mutable_box() = BoxOf(row);
    box.set_ignore(row["ignore"].as<bool>());
  }
  return images;
}

}  // namespace

std::vector<HoldoutImage> ReadHoldoutTruth(Transaction& transaction, ProjectId project) {
  return TruthFrom(transaction.Exec("SelectHoldoutTruth", project));
}

std::vector<HoldoutImage> ReadUnlearnedTruth(Transaction& transaction, ProjectId project, ModelId model,
                                             int revisions) {
  return TruthFrom(transaction.Exec("SelectUnlearnedTruth", project, model, revisions));
}

std::unordered_map<int64_t, MatchedImage> ReadMatchedImages(Transaction& transaction, ProjectId project,
                                                            const std::vector<int64_t>& images) {
  std::unordered_map<int64_t, MatchedImage> read;
  for (const auto& row : transaction.Exec("SelectMatchedImages", project, images)) {
    v1::Image image = ShownImage(row);
    const int64_t id = image.id();
    read.emplace(id, MatchedImage{std::move(image), row["asked"].as<bool>()});
  }
  return read;
}

uint64_t CountRelabelledSince(Transaction& transaction, ProjectId project, ModelId model) {
  return transaction.Exec("CountRelabelledSince", project, model).at(0)[0].as<uint64_t>();
}

std::unordered_map<int64_t, StoredCurvePoint> ReadCurvePoints(Transaction& transaction,
                                                              const std::vector<ModelId>& models,
                                                              const std::vector<int64_t>& holdout) {
  std::unordered_map<int64_t, StoredCurvePoint> points;
  for (const auto& row : transaction.Exec("SelectCurvePoints", models, holdout)) {
    StoredCurvePoint& stored = points[row["model_id"].as<int64_t>()];
    stored.holdout = Sha256Of(row["holdout_sha256"]);
    stored.predicted = row["predicted"].as<uint64_t>();
    stored.point.ParseFromString(BytesOf(row["point"]));
  }
  return points;
}

void PutCurvePoint(Transaction& transaction, ModelId model, const Sha256& holdout,
                   const v1::CurvePoint& point) {
  transaction.Exec("PutCurvePoint", model, holdout, SqlBytes{point.SerializeAsString()});
}

uint64_t CountHoldoutUpTo(Transaction& transaction, ProjectId project, double sampling_key, ImageId image) {
  return transaction.Exec("CountHoldoutUpTo", project, sampling_key, image).at(0)[0].as<uint64_t>();
}

void InsertEvaluation(Transaction& transaction, ModelId model, RoundId round,
                      const v1::Evaluation& evaluation, const v1::Gate* gate) {
  const std::string result = evaluation.SerializeAsString();
  const std::string judged = gate == nullptr ? "" : gate->SerializeAsString();
  transaction.Exec("InsertEvaluation", model, round, SqlBytes{result}, SqlBytes{judged});
}

}  // namespace loupe
