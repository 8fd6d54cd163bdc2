// The device and the precision that detectors compute in.
#pragma once

#include <torch/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace loupe {

// The device of that name. `auto` is the first GPU that LibTorch finds, else the CPU. With several processes,
// which share the cores of a CPU, it is the CPU.
// Errors: INVALID_ARGUMENT for any other name, or a GPU with several processes; FAILED_PRECONDITION when
// LibTorch finds no such GPU.
absl::StatusOr<torch::Device> ResolveDevice(const std::string& name, int processes);

// The type of that name, `float32` or `bfloat16`, for FasterRcnn::set_precision.
// Errors: INVALID_ARGUMENT for any other name; FAILED_PRECONDITION when `device` doesn't support it.
absl::StatusOr<torch::ScalarType> ResolvePrecision(const std::string& name, torch::Device device);

}  // namespace loupe
