// What a shown box's score is worth, by the calibration of the model that predicted it.
#pragma once

#include "db/database.h"
#include "db/ids.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

// Sets calibrated_score of the shown boxes where their model is calibrated. A model's calibration is that of
// its own round, and never changes.
void AddCalibratedScores(Transaction& transaction, ProjectId project, v1::ImageProvenance& provenance);
void AddCalibratedScores(Transaction& transaction, ProjectId project, v1::BoxProvenance& provenance);

}  // namespace loupe
