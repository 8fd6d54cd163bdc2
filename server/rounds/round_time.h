// How long a round takes, by the rates that workers report.
#pragma once

#include <optional>

#include "db/database.h"
#include "loupe/v1/recipe.pb.h"
#include "loupe/v1/round.pb.h"

namespace loupe {

// Of the step whose progress this is; nullopt: no worker has reported a rate.
std::optional<double> SecondsLeft(const v1::JobProgress& progress, const v1::TrainingRecipe& training);

// Rates and times of a plan whose recipe and counts are set, by the latest jobs that are done: of any
// project, and of a detector, of precisions and of a prediction like the recipe's. One worker trains, all
// predict.
void EstimateTimes(Transaction& transaction, v1::RoundPlan& plan);

}  // namespace loupe
