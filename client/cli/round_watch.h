// Following a round to its end, over restarts of the coordinator.
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

// Prints steps and progress to standard error until the round has ended; gives the round as it then is.
// Reconnects when the coordinator goes away, for up to two minutes. Errors: of WatchRound.
absl::StatusOr<v1::Round> WatchRound(const Connection& connection, const std::string& project,
                                     uint32_t number);

// The round for people: state, times of steps, figures on the holdout, gate.
std::string RoundText(const v1::Round& round, const ClassNames& classes);

// The gate in a line; empty when there is none yet.
std::string GateText(const v1::Gate& gate);

// How scores are calibrated and how far off they were and are, in a line.
std::string CalibrationText(const v1::Calibration& calibration);

// Figures on the holdout in a line; empty when there are none yet.
std::string EvaluationText(const v1::Evaluation& evaluation);

}  // namespace loupe
