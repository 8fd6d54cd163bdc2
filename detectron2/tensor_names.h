// What Detectron2 calls the tensors of a Faster R-CNN with FPN.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace loupe {

// "backbone.bottom_up.res2.0.conv1.norm.weight" for "backbone.body.layer1.0.bn1.weight". Requires: a name
// that TensorShapes gives for a ResNet.
std::string Detectron2Name(const std::string& name);

// The names in files, without what surrounds them: `module.` of a model that several GPUs trained, and
// `backbone.bottom_up.`, which files of a backbone alone lack, is put before their names.
std::vector<std::string> WholeDetectron2Names(const std::vector<std::string>& file_names);

// Whether no detector needs a tensor of this name: counts of batches, and what older checkpoints hold
// besides the weights (mean and deviation of pixels, anchors).
bool IsPassedOver(const std::string& name);

// Whether a file with these names is Detectron2's.
bool AreDetectron2Names(const std::vector<std::string>& file_names);

// Whether a file with these names is MMDetection's.
bool AreMmdetectionNames(const std::vector<std::string>& file_names);

// What is asked of whoever gives such a file without its configuration: INVALID_ARGUMENT.
absl::Status MissingDetectron2Config();

// Errors: INVALID_ARGUMENT when the names are those of another network (masks, keypoints, Cascade R-CNN,
// deformable convolutions, C4 or DC5), which the message names.
absl::Status CheckDetectron2Names(const std::vector<std::string>& file_names);

}  // namespace loupe
