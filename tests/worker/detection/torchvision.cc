#include "tests/worker/detection/torchvision.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "worker/weights/safetensors.h"

namespace loupe::detection {

std::string ScratchPath(const std::string& name) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("loupe_detection_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  return folder / name;
}

void RunGoldenScript(const std::string& script, const std::vector<std::string>& arguments) {
  const char* source = std::getenv("LOUPE_SOURCE");
  ASSERT_NE(source, nullptr) << "run this test through ctest, or set LOUPE_SOURCE to the source folder";
  std::string command =
      "PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 '" + std::string(source) + "/tests/golden/" + script + "'";
  for (const auto& argument : arguments) command += " '" + argument + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

TensorMap ReadTensors(const std::string& path) {
  auto file = ReadSafetensors(path);
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? file->tensors : TensorMap();
}

const TensorMap& TorchvisionOps() {
  static const TensorMap answers = [] {
    const std::string path = ScratchPath("torchvision_ops.safetensors");
    RunGoldenScript("torchvision_ops.py", {path});
    return ReadTensors(path);
  }();
  return answers;
}

TensorMap WithPrefix(const TensorMap& tensors, const std::string& prefix) {
  TensorMap found;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  }
  return found;
}

nlohmann::json ConfigJson(const v1::Detector& config, int64_t num_classes) {
  const v1::Backbone& backbone = config.backbone();
  const auto& depths = backbone.stage_depths();
  const auto& ratios = config.anchor_ratios();
  std::vector<std::vector<float>> sizes;
  for (const auto& level : config.anchor_levels())
    sizes.emplace_back(level.sizes().begin(), level.sizes().end());
  return {{"backbone", backbone.kind() == v1::Backbone::RESNET ? "resnet" : "mobilenet-v3-large"},
          {"block", backbone.block() == v1::Backbone::BASIC ? "basic" : "bottleneck"},
          {"stage_depths", std::vector<uint32_t>(depths.begin(), depths.end())},
          {"fpn_channels", config.fpn_channels()},
          {"anchor_sizes", sizes},
          {"anchor_ratios", std::vector<float>(ratios.begin(), ratios.end())},
          {"roi_sampling_ratio", config.roi_sampling_ratio()},
          {"roi_aligned", config.roi_aligned()},
          {"box_head_width", config.box_head_width()},
          {"min_size", config.min_size()},
          {"max_size", config.max_size()},
          {"rpn_pre_nms_top_n_train", config.rpn_pre_nms_top_n_train()},
          {"rpn_pre_nms_top_n_test", config.rpn_pre_nms_top_n_test()},
          {"rpn_post_nms_top_n_train", config.rpn_post_nms_top_n_train()},
          {"rpn_post_nms_top_n_test", config.rpn_post_nms_top_n_test()},
          {"rpn_score_threshold", config.rpn_score_threshold()},
          {"rpn_samples_per_image", config.rpn_samples_per_image()},
          {"box_samples_per_image", config.box_samples_per_image()},
          {"num_classes", num_classes},
          {"live_norm", false},
          {"score_threshold", 0.05}};
}

}  // namespace loupe::detection
