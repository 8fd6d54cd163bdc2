// Follows a round to its end, also while the coordinator restarts.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/message_json.h"
#include "client/lib/channel.h"
#include "loupe/v1/round.pb.h"

namespace loupe {

// `done`, `failed` or `cancelled`.
bool HasEnded(const v1::Round& round);

// Prints steps and progress to standard error until the round has ended, and returns the ended round. When
// the coordinator goes away, it tries to reconnect for two minutes. Errors: those of the RPC WatchRound.
absl::StatusOr<v1::Round> WatchRound(const Connection& connection, const std::string& project,
                                     uint32_t number);

// The round as text for people: state, times of steps, figures on the holdout, gate.
std::string RoundText(const v1::Round& round, const ClassNames& classes);

// What a round would take, as text for people.
std::string PlanText(const v1::RoundPlan& plan);

// The gate in one line; empty when there is none yet.
std::string GateText(const v1::Gate& gate);

// The calibration of scores in one line, with its error before and after.
std::string CalibrationText(const v1::Calibration& calibration);

// The figures on the holdout in one line; empty when there are none yet.
std::string EvaluationText(const v1::Evaluation& evaluation);

}  // namespace loupe
