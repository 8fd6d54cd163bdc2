#include "worker/training/checkpoint.h"

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "worker/weights/safetensors.h"

namespace loupe {
namespace {

constexpr char kMetadataKey[] = "loupe.checkpoint";
constexpr char kModelPrefix[] = "model/";
constexpr char kAveragePrefix[] = "average/";
constexpr char kOptimizerPrefix[] = "optimizer/";

void AddPrefixed(const std::map<std::string, torch::Tensor>& from, const std::string& prefix,
                 std::map<std::string, torch::Tensor>& to) {
  for (const auto& [name, tensor] : from) to[prefix + name] = tensor;
}

// The tensors whose names start with `prefix`, by the rest of their names.
std::map<std::string, torch::Tensor> WithoutPrefix(const std::map<std::string, torch::Tensor>& from,
                                                   const std::string& prefix) {
  std::map<std::string, torch::Tensor> part;
  for (const auto& [name, tensor] : from) {
    if (absl::StartsWith(name, prefix)) part[name.substr(prefix.size())] = tensor;
  }
  return part;
}

}  // namespace

absl::Status WriteCheckpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  SafetensorsFile file;
  AddPrefixed(checkpoint.model, kModelPrefix, file.tensors);
  AddPrefixed(checkpoint.average, kAveragePrefix, file.tensors);
  AddPrefixed(checkpoint.optimizer, kOptimizerPrefix, file.tensors);
  const nlohmann::json about = {{"iteration", checkpoint.iteration},
                                {"fingerprint", checkpoint.fingerprint},
                                {"late_loss_sum", checkpoint.late_loss_sum},
                                {"quality_sums", checkpoint.class_quality.sums},
                                {"quality_weights", checkpoint.class_quality.weights},
                                {"frozen_norms", checkpoint.frozen_norms},
                                {"pretrained", checkpoint.pretrained}};
  file.metadata[kMetadataKey] = about.dump();
  return WriteSafetensors(path.string(), file);
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& path) {
  absl::StatusOr<SafetensorsFile> file = ReadSafetensors(path.string());
  if (!file.ok()) return file.status();
  Checkpoint checkpoint;
  try {
    const nlohmann::json about = nlohmann::json::parse(file->metadata[kMetadataKey]);
    about.at("iteration").get_to(checkpoint.iteration);
    about.at("fingerprint").get_to(checkpoint.fingerprint);
    about.at("late_loss_sum").get_to(checkpoint.late_loss_sum);
    about.at("quality_sums").get_to(checkpoint.class_quality.sums);
    about.at("quality_weights").get_to(checkpoint.class_quality.weights);
    about.at("frozen_norms").get_to(checkpoint.frozen_norms);
    about.at("pretrained").get_to(checkpoint.pretrained);
  } catch (const nlohmann::json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), " is no checkpoint of Loupe"));
  }
  checkpoint.model = WithoutPrefix(file->tensors, kModelPrefix);
  checkpoint.average = WithoutPrefix(file->tensors, kAveragePrefix);
  checkpoint.optimizer = WithoutPrefix(file->tensors, kOptimizerPrefix);
  return checkpoint;
}

}  // namespace loupe
