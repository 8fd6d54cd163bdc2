// What moves a round from one state to the next (docs/architecture.md, "A round").
//
// Every step may be taken twice, by two coordinators at once, and be cut off at any point: it looks at what
// is there, computes without holding anything, and then writes in one short transaction under the round's
// lock, which does nothing when the round is no longer where it was.
#pragma once

#include "absl/status/status.h"
#include "db/database.h"
#include "db/stores/round_store.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// waiting -> training, where a project has no running round: makes the round's pseudo-labels, if its recipe
// asks for them, and the TRAIN job.
absl::Status StartWaitingRound(Database& database);

// training -> evaluating, when the training is done: makes EVALUATE jobs for the new model and, where it
// lacks predictions of the labelled holdout, for the serving one.
absl::Status FinishTraining(Database& database, const OpenRound& round);

// evaluating -> predicting, when these are done: judges the model, keeps evaluations and gate, makes PREDICT
// jobs.
absl::Status FinishEvaluating(Database& database, const OpenRound& round);

// predicting -> ranking, when the pool is predicted.
absl::Status FinishPredicting(Database& database, const OpenRound& round);

// In ranking: makes the generation, beside the active one.
absl::Status BuildRanking(Database& database, const OpenRound& round);

// ranking -> done, when the generation is there: model and ranking are switched to together, unless the model
// is held. Fails the round when the weights are not whole.
absl::Status FinishRanking(Database& database, const BlobStore& blobs, const OpenRound& round);

// Fails the round when one of its jobs is abandoned: kMaxJobAttempts leases of it expired without progress.
absl::Status FailAbandonedRound(Database& database, const OpenRound& round);

}  // namespace loupe
