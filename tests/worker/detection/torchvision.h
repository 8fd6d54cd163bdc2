// Runs the scripts in tests/golden that ask torchvision.

#ifndef LOUPE_TESTS_WORKER_DETECTION_TORCHVISION_H_
#define LOUPE_TESTS_WORKER_DETECTION_TORCHVISION_H_

#include <torch/types.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "loupe/v1/detector.pb.h"

namespace loupe::detection {

using TensorMap = std::map<std::string, torch::Tensor>;

// A folder of its own for this process; removed by the system's own rules.
std::string ScratchPath(const std::string& name);

// Runs tests/golden/`script` with Debian's Python. Fails the test when it does not end well.
void RunGoldenScript(const std::string& script, const std::vector<std::string>& arguments);

// The tensors of a file, which must be readable.
TensorMap ReadTensors(const std::string& path);

// What torchvision_ops.py says, asked once a process.
const TensorMap& TorchvisionOps();

// Entries whose name starts with `prefix`, without it.
TensorMap WithPrefix(const TensorMap& tensors, const std::string& prefix);

// The detector as torchvision_model.py reads it.
nlohmann::json ConfigJson(const v1::Detector& config, int64_t num_classes);

}  // namespace loupe::detection

#endif  // LOUPE_TESTS_WORKER_DETECTION_TORCHVISION_H_
