#include "server/insight/image_prediction.h"

#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/rounds/round_calibration.h"
#include "server/rpc/asked_image.h"

namespace loupe {

absl::StatusOr<v1::Prediction> ReadPrediction(Transaction& transaction,
                                              const v1::GetPredictionRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const absl::StatusOr<v1::Image> image =
      FindAskedImage(transaction, *project, request.image_id(), request.file_name());
  if (!image.ok()) return image.status();
  const absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request.model());
  if (!model.ok()) return model.status();
  std::set<uint32_t> retired;
  for (const v1::Class& one : ReadClasses(transaction, *project)) {
    if (one.retired()) retired.insert(one.label());
  }
  const auto predictions = ReadDetections(transaction, model->id, {ImageId(image->id())}, retired);
  if (predictions.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_PREDICTION",
                 absl::StrCat("model ", model->message.number(), " has not predicted image ", image->id(),
                              ": `loupe provenance image` tells which models have"));
  }
  const v1::ImagePrediction& predicted = predictions.begin()->second;
  const std::vector<ranking::CalibrationMap> maps =
      CalibrationMapsOf(model->message.evaluation().calibration());
  v1::Prediction prediction;
  prediction.set_image_id(image->id());
  prediction.set_model(model->message.number());
  for (int i = 0; i < predicted.scores_size(); ++i) {
    v1::ScoredBox& box = *prediction.add_boxes();
    box.mutable_box()->set_x1(predicted.corners(4 * i));
    box.mutable_box()->set_y1(predicted.corners(4 * i + 1));
    box.mutable_box()->set_x2(predicted.corners(4 * i + 2));
    box.mutable_box()->set_y2(predicted.corners(4 * i + 3));
    box.set_label(predicted.labels(i));
    box.set_score(predicted.scores(i));
    const std::optional<double> calibrated = CalibratedScore(maps, box.label(), box.score());
    if (calibrated.has_value()) box.set_calibrated_score(*calibrated);
  }
  return prediction;
}

}  // namespace loupe
