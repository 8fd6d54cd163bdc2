// The tensors of a detector by name and shape, without LibTorch, and whether a weight file fits them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "loupe/v1/detector.pb.h"

namespace loupe {

// A tensor without its values.
struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;  // empty: a scalar

  bool operator==(const NamedShape&) const = default;
};

// The parameters and batch norm statistics of a detector under torchvision's names, as a weight file of the
// worker has them; in the order of the layers.
// Requires: a detector as PresetDetector makes it; num_classes (without background) >= 1.
std::vector<NamedShape> TensorShapes(const v1::Detector& detector, int64_t num_classes);

// Whether the worker can start from a file with these tensors. The rules are those by which the worker loads
// them. It accepts whole models with any number of classes, also under the names before torchvision 0.13, and
// backbones alone (recipe/tensor_names.h), with batch norm folded into the convolutions or not. Tensors that
// the detector lacks are ignored, and so are tensors that the file lacks: a start from a part of the weights
// is allowed.
// Errors: INVALID_ARGUMENT when no tensor fits, or when one has another shape than in the detector; the
// message names the first few ("name: file [91, 1024], preset resnet18-fpn [7, 1024]").
absl::Status CheckTensors(const v1::Detector& detector, const std::vector<NamedShape>& tensors);

// Whether a file has every tensor of the detector with this number of classes, as the worker writes it.
// Others are ignored. Requires: as TensorShapes. Errors: INVALID_ARGUMENT; the message names the first few
// that are missing or have another shape.
absl::Status CheckWholeDetector(const v1::Detector& detector, int64_t num_classes,
                                const std::vector<NamedShape>& tensors);

}  // namespace loupe
