#include "server/rounds/round_calibration.h"

#include <array>
#include <utility>

#include "evaluation/grouped_boxes.h"
#include "proto/class_index.h"
#include "server/ranking/random_draw.h"

namespace loupe {
namespace {

using ranking::CalibrationMap;
using ranking::JudgedDetection;

constexpr std::array<std::pair<CalibrationMap::Kind, const char*>, 3> kKinds = {
    {{CalibrationMap::Kind::kIdentity, "identity"},
     {CalibrationMap::Kind::kIsotonic, "isotonic"},
     {CalibrationMap::Kind::kPlatt, "platt"}}};

// Any number. It is the same for every model, so that no model is tested on images that another was fitted
// to.
constexpr uint64_t kHalvesSeed = 0x10a1f;

bool IsForFitting(int64_t image_id) { return ranking::DrawKey(kHalvesSeed, image_id) % 2 == 0; }

v1::ClassCalibration MessageOf(const CalibrationMap& map) {
  v1::ClassCalibration message;
  for (const auto& [kind, name] : kKinds) {
    if (kind == map.kind) message.set_kind(name);
  }
  message.mutable_scores()->Add(map.scores.begin(), map.scores.end());
  message.mutable_probabilities()->Add(map.probabilities.begin(), map.probabilities.end());
  message.set_slope(map.slope);
  message.set_offset(map.offset);
  return message;
}

CalibrationMap MapOf(const v1::ClassCalibration& message) {
  CalibrationMap map;
  for (const auto& [kind, name] : kKinds) {
    if (message.kind() == name) map.kind = kind;
  }
  map.scores.assign(message.scores().begin(), message.scores().end());
  map.probabilities.assign(message.probabilities().begin(), message.probabilities().end());
  map.slope = message.slope();
  map.offset = message.offset();
  return map;
}

}  // namespace

std::vector<std::vector<JudgedDetection>> JudgeByImage(std::span<const JudgedImage> images,
                                                       const PredictionsById& predictions, int class_count) {
  const evaluation::GroupedBoxes boxes(TruthOf(images, class_count), DetectionsOf(images, predictions));
  std::vector<std::vector<JudgedDetection>> judged(images.size());
  for (const evaluation::ImageGroup& group : boxes.groups()) {
    const auto matches = evaluation::MatchImage(group.detections, group.truths, {});
    for (size_t d = 0; d < group.detections.size(); ++d) {
      if (matches[d].ignored & 1U) continue;
      const evaluation::DetectedBox& box = group.detections[d];
      judged[static_cast<size_t>(group.image)].push_back(
          {box.class_index, box.score, (matches[d].matched & 1U) != 0});
    }
  }
  return judged;
}

std::vector<JudgedDetection> JudgeDetections(std::span<const JudgedImage> images,
                                             const PredictionsById& predictions, int class_count) {
  std::vector<JudgedDetection> all;
  for (const auto& of_image : JudgeByImage(images, predictions, class_count)) {
    all.insert(all.end(), of_image.begin(), of_image.end());
  }
  return all;
}

v1::Calibration CalibrateModel(std::span<const JudgedImage> images, const PredictionsById& predictions,
                               int class_count) {
  std::vector<JudgedImage> fitting;
  std::vector<JudgedImage> testing;
  for (const JudgedImage& image : images) (IsForFitting(image.image_id) ? fitting : testing).push_back(image);
  const std::vector<JudgedDetection> seen = JudgeDetections(fitting, predictions, class_count);
  const std::vector<JudgedDetection> fresh = JudgeDetections(testing, predictions, class_count);
  const std::vector<CalibrationMap> maps = ranking::FitCalibration(seen, class_count);

  v1::Calibration calibration;
  calibration.set_images(fitting.size());
  calibration.set_detections(seen.size());
  for (const CalibrationMap& map : maps) *calibration.add_classes() = MessageOf(map);
  const std::vector<CalibrationMap> raw(maps.size());
  if (const auto before = ranking::DetectionCalibrationError(fresh, raw))
    calibration.set_error_before(*before);
  if (const auto after = ranking::DetectionCalibrationError(fresh, maps)) calibration.set_error_after(*after);
  return calibration;
}

std::vector<CalibrationMap> CalibrationMapsOf(const v1::Calibration& calibration) {
  std::vector<CalibrationMap> maps;
  for (const v1::ClassCalibration& one : calibration.classes()) maps.push_back(MapOf(one));
  return maps;
}

std::optional<double> CalibratedScore(std::span<const CalibrationMap> maps, uint32_t label, double score) {
  const size_t class_index = ClassIndexOf(label);
  if (class_index >= maps.size() || maps[class_index].kind == CalibrationMap::Kind::kIdentity) {
    return std::nullopt;
  }
  return ranking::Calibrated(maps[class_index], score);
}

}  // namespace loupe
