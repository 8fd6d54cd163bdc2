// Weight files of Detectron2's model zoo (`.pkl`): a pickle of NumPy's arrays by name. They are read as data;
// nothing in the file is run.

#ifndef LOUPE_WORKER_NUMPY_PICKLE_H_
#define LOUPE_WORKER_NUMPY_PICKLE_H_

#include <torch/types.h>

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace loupe {

// Reads the dict under `model`. Entries other than arrays are skipped. float16 is widened to float32.
// Errors: NOT_FOUND when there is no such file; INVALID_ARGUMENT when it is no pickle or is cut short, asks
// for code other than arrays and plain containers, describes arrays that its data don't hold, or is a file of
// Caffe2 or Detectron, which has other names.
absl::StatusOr<std::map<std::string, torch::Tensor>> ReadNumpyPickle(const std::string& path);

}  // namespace loupe

#endif  // LOUPE_WORKER_NUMPY_PICKLE_H_
