// Weights as they are in files of other programs, and as the model has them.

#ifndef LOUPE_WORKER_DETECTION_FILE_LAYOUT_H_
#define LOUPE_WORKER_DETECTION_FILE_LAYOUT_H_

#include <torch/types.h>

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"

namespace loupe::detection {

// The tensors of a file under the model's names and in its layout: red comes first, the background is class 0
// and has deltas, anchors of a cell are ordered by ratio. A file with torchvision's names, as all of Loupe's
// own have, stays as it is. Of a file of Detectron2, v1::Detector's fields `file_…` say the layout; tensors
// that no detector has keep their names.
// Errors: those of CheckDetectron2Names; INVALID_ARGUMENT for a whole model of Detectron2 without its
// configuration.
absl::StatusOr<std::map<std::string, torch::Tensor>> FromFileLayout(
    const std::map<std::string, torch::Tensor>& tensors, const v1::Detector& config);

// The reverse, of a whole model. tensors: as StateDict returns them.
std::map<std::string, torch::Tensor> ToFileLayout(const std::map<std::string, torch::Tensor>& tensors,
                                                  const v1::Detector& config);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_FILE_LAYOUT_H_
