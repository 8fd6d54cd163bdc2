// `loupe-worker-torch`: what `loupe-worker` does, with LibTorch. Only loupe-worker starts it.
#include <iostream>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "content/text.h"
#include "worker/command_line.h"
#include "worker/detection/runtime.h"

namespace loupe {
namespace {

absl::Status Run(const WorkerOptions& options) { return RunWorker(options); }
absl::Status Run(const TrainOptions& options) { return RunTrainCommand(options, std::cerr); }
absl::Status Run(const DetectFilesOptions& options) {
  detection::ConfigureRuntime(options.threads);
  return RunDetectCommand(options, std::cout);
}
absl::Status Run(const ConvertOptions& options) { return RunConvertCommand(options, std::cerr); }
absl::Status Run(const EvaluateOptions& options) { return RunEvaluateCommand(options, std::cout, std::cerr); }
absl::Status Run(const LabelErrorsOptions& options) { return RunLabelErrorsCommand(options, std::cerr); }
absl::Status Run(const SampleOptions& options) { return WriteSample(options); }

// A message may repeat what a hostile file calls its parts.
std::string Printable(std::string message) {
  const bool plain = IsUtf8(message) && !HasControlCharacter(message, /*allow_lines=*/true);
  return plain ? message : absl::CHexEscape(message);
}

}  // namespace
}  // namespace loupe

int main(int argc, char** argv) {
  const loupe::Command command = loupe::ParseCommandLine(argc, argv);
  const absl::Status status = std::visit([](const auto& options) { return loupe::Run(options); }, command);
  if (status.ok()) return 0;
  std::cerr << "loupe-worker: " << loupe::Printable(std::string(status.message())) << "\n";
  return 1;
}
