// `loupe-worker`: trains and runs detectors, for a coordinator or on files.
#include <iostream>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "worker/evaluate_command.h"
#include "worker/sample.h"

namespace {

constexpr int kWrongUsage = 2;

// What the chosen subcommand does, once all arguments are known to be fine.
using Action = std::function<absl::Status()>;

void AddEvaluate(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::EvaluateOptions>();
  CLI::App* command = app.add_subcommand("eval", "COCO's numbers for detections against the truth");
  command->add_option("--ground-truth", options->ground_truth, "COCO annotation file")->required();
  command->add_option("--detections", options->detections, "COCO results file")->required();
  command->add_flag("--json", options->json, "one JSON object with every digit");
  command->callback([options, &action] {
    action = [options] { return loupe::RunEvaluateCommand(*options, std::cout, std::cerr); };
  });
}

void AddSample(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::SampleOptions>();
  CLI::App* command =
      app.add_subcommand("sample", "Made-up pictures of machined parts with defects, and their truth");
  command->add_option("--out", options->out, "folder for images/ and annotations.json")->required();
  command->add_option("--images", options->images, "how many pictures")
      ->required()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--seed", options->seed, "the same seed gives the same pictures");
  command->callback([options, &action] { action = [options] { return loupe::WriteSample(*options); }; });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Trains and runs Loupe's detectors, for a coordinator or on files.", "loupe-worker");
  app.require_subcommand(1);
  Action action;
  AddEvaluate(app, action);
  AddSample(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  const absl::Status status = action();
  if (status.ok()) return 0;
  std::cerr << "loupe-worker: " << status.message() << "\n";
  return 1;
}
