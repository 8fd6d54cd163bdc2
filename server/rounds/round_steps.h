// The steps that move a round from one state to the next (docs/architecture.md, "A round"). One file per
// step: pseudo_label_step.cc, train_step.cc, evaluate_step.cc, predict_step.cc, rank_step.cc,
// label_error_step.cc.
//
// Two coordinators may take a step at the same time, a step may be repeated, and it may stop at any point. So
// each step reads what is there, computes without holding a lock, and then writes in one short transaction
// under the round's lock. The write does nothing when the round has left the state.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/stores/round_store.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// waiting -> training, when no other round of the project runs. Makes the TRAIN job and, where the recipe
// asks for them, the round's pseudo-labels.
absl::Status StartRound(Database& database, const OpenRound& round);

// training -> evaluating, when the TRAIN job is done. Makes EVALUATE jobs for the new model and, where it
// lacks predictions of the labelled holdout, for the serving model.
absl::Status FinishTraining(Database& database, const OpenRound& round);

// evaluating -> predicting, when the EVALUATE jobs are done. Judges the model, stores evaluations and gate,
// makes PREDICT jobs.
absl::Status FinishEvaluating(Database& database, const OpenRound& round);

// predicting -> ranking, when the PREDICT jobs are done.
absl::Status FinishPredicting(Database& database, const OpenRound& round);

// In state ranking: makes the new generation beside the active one.
absl::Status BuildRanking(Database& database, const OpenRound& round);

// ranking -> done, when the generation is there; or -> checking, where the recipe asks for a search of the
// labels, with its jobs. Model and ranking become active in one transaction, unless the model is held. Fails
// the round when the weights are damaged.
absl::Status FinishRanking(Database& database, const BlobStore& blobs, const OpenRound& round);

// checking -> done, when the searches are done. Asks for reviews of the images with the likeliest errors.
absl::Status FinishChecking(Database& database, const OpenRound& round);

// Fails the round for a reason that another try would not change.
absl::Status FailOpenRound(Database& database, const OpenRound& round, const std::string& error);

// Fails the round when one of its jobs is abandoned: kMaxJobAttempts leases of it expired without progress.
absl::Status FailAbandonedRound(Database& database, const OpenRound& round);

// Parts that several steps share.

// Errors: INTERNAL (there is no such round).
absl::StatusOr<RoundRow> ReadRound(Transaction& transaction, const OpenRound& round);

// Whether no job of this kind is open. A failed job has failed its round already.
bool AllDone(Transaction& transaction, RoundId round, v1::JobKind kind);

// EVALUATE jobs for the round's model and for the serving one. Idempotent.
void MakeEvaluateJobs(Transaction& transaction, const RoundRow& round, uint32_t shard_size);

}  // namespace loupe
