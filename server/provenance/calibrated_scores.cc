#include "server/provenance/calibrated_scores.h"

#include <map>
#include <optional>
#include <vector>

#include "db/stores/model_store.h"
#include "server/rounds/round_calibration.h"

namespace loupe {
namespace {

// Reads each model's calibration once.
class CalibrationReader {
 public:
  CalibrationReader(Transaction& transaction, ProjectId project)
      : transaction_(transaction), project_(project) {}

  // `model`: its number. nullopt: there is no calibration for the box's class.
  std::optional<double> Calibrate(uint32_t model, const v1::PredictedBox& box) {
    return CalibratedScore(MapsOf(model), box.label(), box.score());
  }

 private:
  const std::vector<ranking::CalibrationMap>& MapsOf(uint32_t model) {
    const auto [found, is_new] = maps_.try_emplace(model);
    if (is_new) {
      for (const ModelRow& row : ListModels(transaction_, project_, model + 1, 1)) {
        found->second = CalibrationMapsOf(row.message.evaluation().calibration());
      }
    }
    return found->second;
  }

  Transaction& transaction_;
  const ProjectId project_;
  std::map<uint32_t, std::vector<ranking::CalibrationMap>> maps_;
};

}  // namespace

void AddCalibratedScores(Transaction& transaction, ProjectId project, v1::ImageProvenance& provenance) {
  CalibrationReader calibrations(transaction, project);
  for (v1::Revision& revision : *provenance.mutable_revisions()) {
    for (v1::ShownBox& shown : *revision.mutable_shown_boxes()) {
      const auto score = calibrations.Calibrate(revision.shown_model(), shown.box());
      if (score.has_value()) shown.set_calibrated_score(*score);
    }
  }
}

void AddCalibratedScores(Transaction& transaction, ProjectId project, v1::BoxProvenance& provenance) {
  CalibrationReader calibrations(transaction, project);
  for (v1::BoxRevision& held : *provenance.mutable_revisions()) {
    if (!held.has_source()) continue;
    v1::BoxSource& source = *held.mutable_source();
    const auto score = calibrations.Calibrate(source.model(), source.box());
    if (score.has_value()) source.set_calibrated_score(*score);
  }
}

}  // namespace loupe
