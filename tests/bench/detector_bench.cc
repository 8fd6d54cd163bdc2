// The Loupe side of detector_bench.py: one detector, one batch, timed on request.
//
//   loupe-bench-detector describe PRESET OVERRIDES
//                                              the preset as torchvision_model.py reads it, in JSON; the
//                                              second is protobuf text as in a recipe, or empty
//   loupe-bench-detector serve CASE.json FILE  prints "ready", then for each line of standard input that says
//                                              `predict` or `step` does it once and prints the seconds, for
//                                              `memory` the peak resident size in MiB
//   loupe-bench-detector peak                  large convolutions, for oneDNN's own log to be read
//
// FILE holds `weights.*`, `image.N` and `target.N.boxes|labels`.

#include <google/protobuf/text_format.h>
#include <torch/optim/sgd.h>
#include <torch/types.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "recipe/detector_recipe.h"
#include "tests/worker/detection/torchvision.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/runtime.h"
#include "worker/detection/weights.h"
#include "worker/weights/safetensors.h"

namespace loupe::detection {
namespace {

constexpr double kRate = 0.001;
constexpr double kMomentum = 0.9;

v1::Detector Overridden(const std::string& preset, const std::string& overrides) {
  v1::DetectorRecipe recipe;
  recipe.set_preset(preset);
  if (!google::protobuf::TextFormat::ParseFromString(overrides, recipe.mutable_overrides())) {
    throw std::runtime_error("no overrides: " + overrides);
  }
  return DetectorOfRecipe(recipe, {}).value();
}

class Bench {
 public:
  Bench(const nlohmann::json& settings, const TensorMap& contents) {
    ConfigureRuntime(settings.at("threads"));
    v1::Detector config = Overridden(settings.at("preset"), settings.at("overrides"));
    config.set_min_size(settings.at("min_size"));
    config.set_max_size(settings.at("max_size"));
    model_ = std::make_shared<FasterRcnn>(config, settings.at("num_classes").get<int64_t>());
    const auto report = LoadWeights(WithPrefix(contents, "weights."), {}, *model_);
    if (!report.ok() || !report->complete()) {
      throw std::runtime_error(report.ok() ? report->Summary() : report.status().ToString());
    }
    if (settings.at("precision") == "bfloat16") model_->set_precision(torch::kBFloat16);
    model_->FreezeBackbone(settings.at("trainable_layers"));
    for (int64_t i = 0; i < settings.at("batch").get<int64_t>(); ++i) {
      const std::string index = std::to_string(i);
      images_.push_back(contents.at("image." + index));
      targets_.push_back(
          {contents.at("target." + index + ".boxes"), contents.at("target." + index + ".labels"), {}});
    }
    std::vector<torch::Tensor> trained;
    for (const auto& parameter : model_->parameters()) {
      if (parameter.requires_grad()) trained.push_back(parameter);
    }
    optimizer_ =
        std::make_unique<torch::optim::SGD>(trained, torch::optim::SGDOptions(kRate).momentum(kMomentum));
  }

  void Predict() {
    model_->eval();
    model_->Detect(model_->MakeBatch(images_), DetectOptions());
  }

  void Step() {
    model_->train();
    optimizer_->zero_grad();
    model_->ComputeLosses(model_->MakeBatch(images_), targets_).Sum().backward();
    optimizer_->step();
  }

 private:
  std::shared_ptr<FasterRcnn> model_;
  std::unique_ptr<torch::optim::SGD> optimizer_;
  std::vector<torch::Tensor> images_;
  std::vector<Target> targets_;
};

int64_t PeakMebibytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) / 1024;
  }
  return 0;
}

void Serve(const std::string& settings_path, const std::string& contents_path) {
  std::ifstream stream(settings_path);
  Bench bench(nlohmann::json::parse(stream), ReadTensors(contents_path));
  std::cout << "ready" << std::endl;
  std::string request;
  while (std::getline(std::cin, request)) {
    if (request == "memory") {
      std::cout << PeakMebibytes() << std::endl;
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    request == "step" ? bench.Step() : bench.Predict();
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::cout << elapsed.count() << std::endl;
  }
}

// 3x3 convolutions as wide as oneDNN likes them, in its own layout.
void Peak() {
  ConfigureRuntime(0);
  torch::NoGradGuard no_grad;
  for (const int64_t channels : {64, 128, 256, 512}) {
    const auto x = torch::rand({1, channels, 96, 96}).to_mkldnn();
    const auto weight = at::mkldnn_reorder_conv2d_weight(torch::rand({channels, channels, 3, 3}).to_mkldnn(),
                                                         {1, 1}, {1, 1}, {1, 1}, 1);
    for (int repeat = 0; repeat < 10; ++repeat) torch::conv2d(x, weight, torch::zeros({channels}), 1, 1);
  }
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 3 && arguments[0] == "describe") {
    std::cout << ConfigJson(Overridden(arguments[1], arguments[2]), 1) << std::endl;
  } else if (arguments.size() == 3 && arguments[0] == "serve") {
    Serve(arguments[1], arguments[2]);
  } else if (arguments.size() == 1 && arguments[0] == "peak") {
    Peak();
  } else {
    std::cerr << "usage: loupe-bench-detector describe PRESET OVERRIDES | serve CASE.json FILE | peak\n";
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace loupe::detection

int main(int argc, char** argv) {
  try {
    return loupe::detection::Run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "loupe-bench-detector: " << error.what() << "\n";
    return 1;
  }
}
