#include "recipe/tensor_names.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace loupe {
namespace {

constexpr char kBodyPrefix[] = "backbone.body.";

bool IsModelName(const std::string& name) {
  return absl::StartsWith(name, "backbone.") || absl::StartsWith(name, "rpn.") ||
         absl::StartsWith(name, "roi_heads.");
}

// torchvision 0.13 put each of these convolutions into a sequence.
std::string ModernName(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  const bool rpn = parts.size() == 4 && absl::StartsWith(name, "rpn.head.conv.");
  const bool fpn = parts.size() == 5 && (absl::StartsWith(name, "backbone.fpn.inner_blocks.") ||
                                         absl::StartsWith(name, "backbone.fpn.layer_blocks."));
  if (!rpn && !fpn) return name;
  const std::string stem = name.substr(0, name.size() - parts.back().size());
  return absl::StrCat(stem, rpn ? "0.0." : "0.", parts.back());
}

// The batch norm behind a convolution.
std::string NormName(const std::string& conv) {
  const size_t dot = conv.rfind('.') + 1;
  const std::string last = conv.substr(dot);
  if (absl::StartsWith(last, "conv")) return absl::StrCat(conv.substr(0, dot), "bn", last.substr(4));
  return absl::StrCat(conv.substr(0, dot), "1");
}

}  // namespace

std::vector<TensorName> ModelTensorNames(const std::vector<std::string>& file_names) {
  const bool whole_model = std::any_of(file_names.begin(), file_names.end(), IsModelName);
  std::vector<TensorName> names;
  for (const std::string& name : file_names) {
    if (absl::EndsWith(name, ".num_batches_tracked")) continue;
    if (!whole_model && absl::StartsWith(name, "fc.")) continue;
    names.push_back({whole_model ? ModernName(name) : absl::StrCat(kBodyPrefix, name), name});
  }
  return names;
}

std::optional<std::string> FoldedNorm(const std::string& name,
                                      absl::FunctionRef<bool(const std::string&)> has) {
  const std::string conv(absl::StripSuffix(name, ".bias"));
  if (conv == name || has(name) || !has(conv + ".weight")) return std::nullopt;
  std::string norm = NormName(conv);
  if (!has(norm + ".running_var")) return std::nullopt;
  return norm;
}

}  // namespace loupe
