// The names of tensors in weight files, and what the detector calls them. The detector uses torchvision's
// names since 0.13.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"

namespace loupe {

// A tensor of a file, under both names.
struct TensorName {
  std::string model;  // as in the detector: "backbone.body.conv1.weight"
  std::string file;   // as in the file, e.g. "conv1.weight"
};

// The names of a file's tensors, without those that no detector has. A file is a whole model when any name
// begins with `backbone.`, `rpn.` or `roi_heads.`; else it is a backbone alone.
//   - Whole models: names before torchvision 0.13 (`rpn.head.conv.weight`,
//     `backbone.fpn.inner_blocks.0.weight`) become today's; `num_batches_tracked` is left out.
//   - Backbones alone: `backbone.body.` is put before each name; the classifier (`fc.*`) is left out too.
std::vector<TensorName> ModelTensorNames(const std::vector<std::string>& file_names);

// A file with folded batch norm has a bias at convolutions that have none in the detector. The batch norm
// that stands behind such a convolution ("….conv2.bias" -> "….bn2", "….downsample.0.bias" ->
// "….downsample.1"), or nullopt when `name` is no such bias. `has` says whether the detector has a tensor of
// that name.
std::optional<std::string> FoldedNorm(const std::string& name,
                                      absl::FunctionRef<bool(const std::string&)> has);

}  // namespace loupe
