#include "server/insight/insight_service.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/evaluation_store.h"
#include "db/stores/job_store.h"
#include "db/stores/label_check_store.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "db/stores/ranking_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/insight/label_check.h"
#include "server/insight/pool_estimates.h"
#include "server/insight/round_curve.h"
#include "server/insight/slice_choice.h"
#include "server/rounds/round_calibration.h"

namespace loupe {
namespace {

// Rounds that a curve looks back on.
constexpr uint32_t kMaxRounds = 100;
// Unlabelled images that tell how far two models agree.
constexpr int kAgreementImages = 500;
// Unlabelled images whose boxes stand for all, and images of each side of a comparison.
constexpr int kSampledImages = 5000;
constexpr int kComparedImages = 2000;

// What a point of the curve is judged by.
struct CurveEvidence {
  PredictionsById predictions;  // of the holdout
  CommonDetections common;      // with the point before
};

// Everything of one moment that the curve is made of.
struct CurveReading {
  CurveInput input;  // points still without what is computed
  std::vector<JudgedImage> holdout;
  std::vector<CurveEvidence> evidence;  // one for each point
};

v1::CurvePoint PointOf(const v1::Round& round, double seconds) {
  v1::CurvePoint point;
  point.set_round(round.number());
  point.set_model(round.model());
  point.set_images(round.snapshot_images());
  point.set_boxes(round.snapshot_boxes());
  point.set_seconds(seconds);
  point.set_random_sample(round.evaluation().random_sample());
  return point;
}

absl::StatusOr<CurveReading> ReadCurve(Transaction& transaction, const std::string& name) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, name);
  if (!project.ok()) return project.status();
  CurveReading reading;
  reading.input.pool_images = CountPoolImages(transaction, *project);
  const std::vector<int64_t> boxes = CountBoxesByClass(transaction, *project);
  for (const v1::Class& one : ReadClasses(transaction, *project)) {
    reading.input.classes.push_back({one.name(), boxes[reading.input.classes.size()]});
  }
  for (const HoldoutImage& image : ReadHoldoutTruth(transaction, *project)) {
    reading.holdout.push_back({image.id.value(), image.boxes});
  }
  std::vector<RoundRow> rounds = ListRounds(transaction, *project, 0, kMaxRounds);
  std::reverse(rounds.begin(), rounds.end());
  ModelId before;
  for (const RoundRow& round : rounds) {
    if (round.state != RoundState::kDone) continue;
    const absl::StatusOr<v1::Recipe> recipe = ParseRecipe(round.recipe);
    if (recipe.ok()) reading.input.next_images = recipe->ranking().budget();
    const AnnotationTime time = TimeOfSnapshot(transaction, round.snapshot);
    reading.input.points.push_back(PointOf(round.message, time.seconds));
    if (time.images > 0) reading.input.seconds_per_image = time.seconds / static_cast<double>(time.images);
    CurveEvidence& evidence = reading.evidence.emplace_back();
    evidence.predictions = ReadHoldoutDetections(transaction, *project, round.model);
    if (before) {
      evidence.common = ReadCommonDetections(transaction, *project, before, round.model, kAgreementImages);
    }
    before = round.model;
  }
  return reading;
}

CurveInput Judged(CurveReading reading) {
  const auto class_count = static_cast<int>(reading.input.classes.size());
  for (size_t i = 0; i < reading.evidence.size(); ++i) {
    const CurveEvidence& evidence = reading.evidence[i];
    v1::CurvePoint& point = reading.input.points[i];
    const PredictionsById* const predictions = &evidence.predictions;
    JudgePoint(JudgedByAll(reading.holdout, {&predictions, 1}), evidence.predictions, class_count, point);
    const std::optional<double> agreement = AgreementOf(evidence.common.first, evidence.common.second);
    if (agreement.has_value()) point.set_agreement(*agreement);
  }
  return std::move(reading.input);
}

// Errors: INVALID_ARGUMENT.
absl::Status CheckShare(const char* name, double value) {
  if (value >= 0 && value <= 1) return absl::OkStatus();  // NaN fails every comparison
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT",
               absl::StrCat(name, " must be from 0 to 1"));
}

// Errors: INVALID_ARGUMENT.
absl::StatusOr<ranking::StopThresholds> ThresholdsOf(const v1::GetCurveRequest& request) {
  for (const auto& [name, value] : {std::pair{"worthwhile_gain", request.worthwhile_gain()},
                                    std::pair{"interval_width", request.interval_width()}}) {
    if (absl::Status status = CheckShare(name, value); !status.ok()) return status;
  }
  ranking::StopThresholds thresholds;
  if (request.has_worthwhile_gain()) thresholds.gain = request.worthwhile_gain();
  if (request.has_boxes_per_class()) thresholds.boxes = request.boxes_per_class();
  if (request.has_interval_width()) thresholds.interval = request.interval_width();
  return thresholds;
}

absl::StatusOr<LabelCheckInput> ReadLabelCheckInput(Transaction& transaction, const std::string& name) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, name);
  if (!project.ok()) return project.status();
  LabelCheckInput input;
  for (const v1::Class& one : ReadClasses(transaction, *project)) input.class_names.push_back(one.name());
  input.labelled_boxes = CountBoxesByClass(transaction, *project);
  input.expected_boxes.resize(input.class_names.size());
  ModelId model_id;
  if (const std::optional<ModelRow> model = FindModel(transaction, *project, "")) {
    model_id = model->id;
    input.model = model->message.number();
    input.expected_boxes =
        ExpectedBoxes(ReadPoolSample(transaction, *project, model_id, kSampledImages),
                      CalibrationMapsOf(model->message.evaluation().calibration()), input.class_names.size());
    input.set_aside = ReadSetAside(transaction, *project, model_id);
  }
  input.labelled = ReadPoolTraits(transaction, *project, model_id, true, kComparedImages);
  input.rest = ReadPoolTraits(transaction, *project, model_id, false, kComparedImages);
  const absl::StatusOr<RandomDraw> draw = DrawOfActive(transaction, *project);
  if (!draw.ok()) return draw.status();
  if (draw->size > 0) {
    input.random_slice = ReadRandomSliceTraits(transaction, *draw, kComparedImages);
    input.random_rest = ReadRandomRestTraits(transaction, *draw, kComparedImages);
  }
  input.holdout = ReadPictureHashes(transaction, *project, v1::HOLDOUT);
  input.pool = ReadPictureHashes(transaction, *project, v1::POOL);
  return input;
}

// Errors: NOT_FOUND, and those of ChooseSlice.
absl::StatusOr<PoolEstimatesInput> ReadPoolEstimatesInput(Transaction& transaction,
                                                          const v1::EstimatePoolRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  std::optional<ModelRow> asked;
  if (!request.model().empty()) {
    absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request.model());
    if (!model.ok()) return model.status();
    asked = *std::move(model);
  }
  absl::StatusOr<std::optional<ChosenSlice>> chosen = ChooseSlice(transaction, *project, asked);
  if (!chosen.ok()) return chosen.status();
  PoolEstimatesInput input;
  input.class_count = static_cast<int>(ReadClasses(transaction, *project).size());
  input.chosen = *std::move(chosen);
  return input;
}

}  // namespace

grpc::Status InsightServiceImpl::EstimatePool(grpc::ServerContext* context,
                                              const v1::EstimatePoolRequest* request,
                                              v1::PoolEstimates* response) {
  constexpr char kMethod[] = "InsightService.EstimatePool";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::PoolEstimates> {
        const double threshold = request->has_score_threshold() ? request->score_threshold() : 0.5;
        if (absl::Status status = CheckShare("score_threshold", threshold); !status.ok()) return status;
        absl::StatusOr<PoolEstimatesInput> input = database_.Transact(
            {kMethod, call.deadline, Isolation::kRepeatableRead},
            [&](Transaction& transaction) { return ReadPoolEstimatesInput(transaction, *request); });
        if (!input.ok()) return input.status();
        input->score_threshold = threshold;
        return MakePoolEstimates(*input);
      });
}

grpc::Status InsightServiceImpl::CheckLabels(grpc::ServerContext* context,
                                             const v1::CheckLabelsRequest* request,
                                             v1::LabelCheck* response) {
  constexpr char kMethod[] = "InsightService.CheckLabels";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::LabelCheck> {
        const absl::StatusOr<LabelCheckInput> input = database_.Transact(
            {kMethod, call.deadline, Isolation::kRepeatableRead},
            [&](Transaction& transaction) { return ReadLabelCheckInput(transaction, request->project()); });
        if (!input.ok()) return input.status();
        return MakeLabelCheck(*input);
      });
}

grpc::Status InsightServiceImpl::GetCurve(grpc::ServerContext* context, const v1::GetCurveRequest* request,
                                          v1::Curve* response) {
  constexpr char kMethod[] = "InsightService.GetCurve";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::Curve> {
        const absl::StatusOr<ranking::StopThresholds> thresholds = ThresholdsOf(*request);
        if (!thresholds.ok()) return thresholds.status();
        absl::StatusOr<CurveReading> reading = database_.Transact(
            {kMethod, call.deadline, Isolation::kRepeatableRead},
            [&](Transaction& transaction) { return ReadCurve(transaction, request->project()); });
        if (!reading.ok()) return reading.status();
        CurveInput input = Judged(*std::move(reading));
        input.thresholds = *thresholds;
        return MakeCurve(input);
      });
}

}  // namespace loupe
