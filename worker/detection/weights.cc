#include "worker/detection/weights.h"

#include <torch/types.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/detector_metadata.h"
#include "recipe/tensor_names.h"
#include "worker/detection/conv_norm.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/file_layout.h"

namespace loupe::detection {
namespace {

using TensorMap = std::map<std::string, torch::Tensor>;

// Parameters and buffers of the model, not copied.
TensorMap LiveState(const FasterRcnn& model) {
  TensorMap state;
  for (const auto& item : model.named_parameters()) state[item.key()] = item.value();
  for (const auto& item : model.named_buffers()) state[item.key()] = item.value();
  return state;
}

// A tensor of the file and its name there.
struct NamedTensor {
  std::string file_name;
  torch::Tensor tensor;
};

std::map<std::string, NamedTensor> ByModelName(const TensorMap& tensors) {
  std::vector<std::string> file_names;
  for (const auto& item : tensors) file_names.push_back(item.first);
  std::map<std::string, NamedTensor> named;
  for (const auto& [model, file] : ModelTensorNames(file_names)) named[model] = {file, tensors.at(file)};
  return named;
}

// Replaces each bias of a convolution that has none in the model by the batch norm that does the same.
void UnfoldNorms(const TensorMap& state, std::map<std::string, NamedTensor>& named) {
  const auto has = [&](const std::string& name) { return state.contains(name); };
  std::map<std::string, NamedTensor> norms;
  for (auto item = named.begin(); item != named.end();) {
    const NamedTensor& value = item->second;
    const std::optional<std::string> folded = FoldedNorm(item->first, has);
    if (!folded.has_value() || state.at(*folded + ".running_var").sizes() != value.tensor.sizes()) {
      ++item;
      continue;
    }
    const auto ones = torch::ones_like(value.tensor, torch::kFloat32);
    norms[*folded + ".weight"] = {value.file_name, ones};
    norms[*folded + ".bias"] = value;
    norms[*folded + ".running_mean"] = {value.file_name, torch::zeros_like(ones)};
    norms[*folded + ".running_var"] = {value.file_name, ones - BatchNorm::kEpsilon};
    item = named.erase(item);
  }
  named.merge(norms);
}

std::string ShapeName(const torch::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "]");
}

std::string ListHead(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  if (names.empty()) return "";
  const auto end = names.begin() + static_cast<int64_t>(std::min(kShown, names.size()));
  return absl::StrCat(" (", absl::StrJoin(names.begin(), end, ", "), names.size() > kShown ? ", …)" : ")");
}

std::map<std::string, BatchNorm*> Norms(const FasterRcnn& model) {
  std::map<std::string, BatchNorm*> norms;
  for (const auto& item : model.named_modules()) {
    if (auto* norm = dynamic_cast<BatchNorm*>(item.value().get())) norms[item.key()] = norm;
  }
  return norms;
}

}  // namespace

std::string LoadReport::Summary() const {
  return absl::StrCat(taken.size(), " tensors taken, ", missing.size(), " missing", ListHead(missing), ", ",
                      unexpected.size(), " unexpected", ListHead(unexpected), ", ", mismatched.size(),
                      " of another shape", ListHead(mismatched));
}

absl::StatusOr<LoadReport> LoadWeights(const TensorMap& file, const LoadOptions& options, FasterRcnn& model) {
  const absl::StatusOr<TensorMap> tensors = FromFileLayout(file, model.config());
  if (!tensors.ok()) return tensors.status();
  TensorMap state = LiveState(model);
  auto named = ByModelName(*tensors);
  UnfoldNorms(state, named);

  LoadReport report;
  for (const auto& [name, value] : named) {
    const auto target = state.find(name);
    if (target == state.end()) {
      report.unexpected.push_back(value.file_name);
    } else if (target->second.sizes() != value.tensor.sizes()) {
      report.mismatched.push_back(
          absl::StrCat(name, ": file ", ShapeName(value.tensor), ", model ", ShapeName(target->second)));
    } else if (!torch::isfinite(value.tensor).all().item<bool>()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the tensor '", value.file_name, "' holds NaN or infinity: the weights are broken, take others"));
    } else {
      report.taken.push_back(name);
    }
  }
  if (report.taken.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("none of the ", file.size(), " tensors fits preset '",
                                                   model.config().preset(), "': ", report.Summary()));
  }
  for (const auto& [name, tensor] : state) {
    if (!named.contains(name)) report.missing.push_back(name);
  }

  torch::NoGradGuard no_grad;
  const std::set<std::string> taken(report.taken.begin(), report.taken.end());
  for (const auto& name : report.taken) state[name].copy_(named[name].tensor);
  if (options.freeze_loaded_norms) {
    for (const auto& [name, norm] : Norms(model)) {
      if (taken.contains(name + ".running_mean") && taken.contains(name + ".running_var")) norm->Freeze();
    }
  }
  return report;
}

TensorMap StateDict(const FasterRcnn& model) {
  TensorMap state;
  for (const auto& [name, tensor] : LiveState(model)) {
    state[name] = tensor.detach().to(torch::kCPU).contiguous().clone();
  }
  return state;
}

std::string ClassNamesText(const std::vector<std::string>& names) { return nlohmann::json(names).dump(); }

std::map<std::string, std::string> WeightMetadata(const FasterRcnn& model,
                                                  const std::vector<std::string>& class_names) {
  return {{kDetectorKey, DetectorText(model.config())},
          {kPresetKey, model.config().preset()},
          {kClassesKey, ClassNamesText(class_names)},
          {"loupe.min_size", absl::StrCat(model.config().min_size())},
          {"loupe.max_size", absl::StrCat(model.config().max_size())}};
}

void NameClasses(const std::vector<std::string>& names, std::map<std::string, std::string>& metadata) {
  const absl::StatusOr<WeightDescription> description = DescribeWeights(metadata);
  if (!description.ok() || description->class_names.empty()) return;
  std::vector<std::string> known = description->class_names;
  std::copy_n(names.begin(), std::min(names.size(), known.size()), known.begin());
  metadata[kClassesKey] = ClassNamesText(known);
}

absl::StatusOr<WeightDescription> DescribeWeights(const std::map<std::string, std::string>& metadata) {
  WeightDescription description;
  const auto value = [&](const char* key) {
    const auto item = metadata.find(key);
    return item == metadata.end() ? std::string() : item->second;
  };
  if (metadata.contains(kDetectorKey)) {
    absl::StatusOr<v1::Detector> detector = ReadDetector(metadata);
    if (!detector.ok()) return detector.status();
    description.detector = *std::move(detector);
  }
  description.preset = value(kPresetKey);
  absl::StatusOr<std::vector<std::string>> names = ReadClassNames(metadata);
  if (!names.ok()) return names.status();
  description.class_names = *std::move(names);
  for (auto [key, target] : {std::pair{"loupe.min_size", &description.min_size},
                             std::pair{"loupe.max_size", &description.max_size}}) {
    const std::string text = value(key);
    if (text.empty()) continue;
    constexpr int64_t kMaxSize = 8192;                              // as in recipes and on the command line
    const int64_t least = target == &description.min_size ? 0 : 1;  // 0: pictures keep their size
    if (!absl::SimpleAtoi(text, target) || *target < least || *target > kMaxSize) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metadata '", key, "' must be a whole number from ", least, " to ", kMaxSize));
    }
  }
  return description;
}

std::vector<std::string> FrozenNorms(const FasterRcnn& model) {
  std::vector<std::string> names;
  for (const auto& [name, norm] : Norms(model)) {
    if (norm->frozen()) names.push_back(name);
  }
  return names;
}

absl::Status FreezeNorms(const std::vector<std::string>& names, FasterRcnn& model) {
  const auto norms = Norms(model);
  for (const auto& name : names) {
    if (!norms.contains(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("preset '", model.config().preset(), "' has no batch norm '", name, "'"));
    }
  }
  for (const auto& name : names) norms.at(name)->Freeze();
  return absl::OkStatus();
}

}  // namespace loupe::detection
