// Loads weights into a Faster R-CNN and writes them out.

#ifndef LOUPE_WORKER_DETECTION_WEIGHTS_H_
#define LOUPE_WORKER_DETECTION_WEIGHTS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"
#include "worker/weights/safetensors.h"

namespace loupe::detection {

class FasterRcnn;

// What became of the tensors of a file, by the names that the model uses, sorted.
struct LoadReport {
  std::vector<std::string> taken;
  // In the model, not in the file. Batch norm that is folded in the file counts as taken.
  std::vector<std::string> missing;
  // In the file (under the file's name), not in the model.
  std::vector<std::string> unexpected;
  // In both, with different shapes: "name: file [91, 1024], model [7, 1024]". The model's tensors keep their
  // values.
  std::vector<std::string> mismatched;

  bool complete() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
  // One line for people: the length and the first few names of each list.
  std::string Summary() const;
};

struct LoadOptions {
  // Freeze the batch norms whose statistics are taken from the file. Off when a training is resumed.
  bool freeze_loaded_norms = true;
};

// Copies tensors into the model. Accepts
//   - whole models of other programs, as FromFileLayout does (worker/detection/file_layout.h),
//   - whole models under torchvision's names (also the names before 0.13: `rpn.head.conv.weight`,
//     `backbone.fpn.inner_blocks.0.weight`; `num_batches_tracked` is passed over),
//   - backbones alone, under torchvision's names without `backbone.body.` (`fc.*` is passed over),
//   - backbones or models with batch norm folded into the convolutions (a convolution of a ResNet with a
//     bias): the batch norm beside it becomes the identity plus that bias.
// A partial fit is no error; the report lists what is missing. CheckTensors (recipe/detector_tensors.h)
// applies the same rules to names and shapes. Errors: INVALID_ARGUMENT when no tensor fits, or when a tensor
// that fits holds NaN or infinity, and those of FromFileLayout.
absl::StatusOr<LoadReport> LoadWeights(const std::map<std::string, torch::Tensor>& tensors,
                                       const LoadOptions& options, FasterRcnn& model);

// Parameters and batch norm statistics under torchvision's names, detached, on the CPU, contiguous:
// torchvision's `load_state_dict(strict=True)` takes them.
std::map<std::string, torch::Tensor> StateDict(const FasterRcnn& model);

// The value of kClassesKey: a JSON list.
std::string ClassNamesText(const std::vector<std::string>& names);

// Metadata of a weight file that Loupe writes: {"loupe.detector" (v1::Detector as JSON), "loupe.preset",
// "loupe.classes" (JSON list of C names), "loupe.min_size", "loupe.max_size"}. `class_names` has C entries.
std::map<std::string, std::string> WeightMetadata(const FasterRcnn& model,
                                                  const std::vector<std::string>& class_names);

// A weight file's metadata. Fields that it lacks are empty or 0.
// Gives the classes that weights know these names, in order of label. Metadata without classes, or with ones
// that can't be read, stays as it is. names: [C].
void NameClasses(const std::vector<std::string>& names, std::map<std::string, std::string>& metadata);

struct WeightDescription {
  std::optional<v1::Detector> detector;  // older files have the preset and the sizes only
  std::string preset;
  std::vector<std::string> class_names;
  int64_t min_size = 0;
  int64_t max_size = 0;
};

// Errors: INVALID_ARGUMENT when the metadata can't be read.
absl::StatusOr<WeightDescription> DescribeWeights(const std::map<std::string, std::string>& metadata);

// Names of the frozen batch norms (`backbone.body.bn1`, …), and freezing by these names. A resumed training
// needs them, because a state dict doesn't say which are frozen.
std::vector<std::string> FrozenNorms(const FasterRcnn& model);
// Errors: INVALID_ARGUMENT for a name that the model doesn't have.
absl::Status FreezeNorms(const std::vector<std::string>& names, FasterRcnn& model);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_WEIGHTS_H_
