// The command line of `loupe-worker`, without LibTorch, so that help and wrong usage are answered at once.
#pragma once

#include <variant>

#include "worker/commands/convert_command.h"
#include "worker/commands/detect_command.h"
#include "worker/commands/evaluate_command.h"
#include "worker/commands/label_errors_command.h"
#include "worker/commands/train_command.h"
#include "worker/jobs/job_loop.h"
#include "worker/sample/sample_set.h"

namespace loupe {

// The chosen subcommand with its options.
using Command = std::variant<WorkerOptions, TrainOptions, DetectFilesOptions, ConvertOptions, EvaluateOptions,
                             LabelErrorsOptions, SampleOptions>;

// Ends the process where there is nothing to run: after --help and --version with 0, after wrong usage
// with 2.
Command ParseCommandLine(int argc, char** argv);

}  // namespace loupe
