// Where detectors compute, and in which type.
#pragma once

#include <torch/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace loupe {

// `auto`, `cpu` or `cuda:N`, N from 0 to 99.
bool IsDeviceName(const std::string& name);

// The device of that name. `auto` is the first GPU that LibTorch reaches, else the CPU; for several
// processes, which share the cores of a CPU, it is the CPU. Errors: INVALID_ARGUMENT for any other spelling,
// and for a GPU with several processes; FAILED_PRECONDITION when LibTorch reaches no such GPU.
absl::StatusOr<torch::Device> ResolveDevice(const std::string& name, int processes);

// The type of that name, `float32` or `bfloat16`, for FasterRcnn::set_precision.
// Errors: INVALID_ARGUMENT for any other name; FAILED_PRECONDITION when `device` doesn't compute in it.
absl::StatusOr<torch::ScalarType> ResolvePrecision(const std::string& name, torch::Device device);

}  // namespace loupe
