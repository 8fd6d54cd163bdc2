#include "worker/prediction/device.h"

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/DeviceGuard.h>
#include <torch/cuda.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/precisions.h"
#include "worker/detection/onednn.h"
#include "worker/prediction/device_name.h"

namespace loupe {
namespace {

bool HasBfloat16(torch::Device device) {
  if (device.is_cpu()) return detection::OneDnnHasBfloat16();
  if (!device.is_cuda()) return false;
  // From compute capability 8.0. Older GPUs would emulate it and be slower than in float32.
  const c10::DeviceGuard guard(device);
  return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

}  // namespace

absl::StatusOr<torch::Device> ResolveDevice(const std::string& name, int processes) {
  if (!IsDeviceName(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no device '", name, "'; choose auto, cpu or cuda:N"));
  }
  // Don't initialise CUDA here: it doesn't survive the fork of processes.
  if (name == "cpu" || (name == "auto" && processes > 1)) return torch::Device(torch::kCPU);
  if (processes > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--processes shares the cores of a CPU; drop it, or take --device cpu instead of ", name));
  }
  const bool cuda = torch::cuda::is_available();
  if (name == "auto" && !cuda) return torch::Device(torch::kCPU);
  const int index = name == "auto" ? 0 : std::stoi(name.substr(kCudaPrefix.size()));
  if (!cuda) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": this LibTorch reaches no GPU; use --device cpu"));
  }
  if (index >= static_cast<int>(torch::cuda::device_count())) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": the last GPU is cuda:", torch::cuda::device_count() - 1,
                     "; choose one up to that, or --device cpu"));
  }
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(index));
}

absl::StatusOr<torch::ScalarType> ResolvePrecision(const std::string& name, torch::Device device) {
  if (name == kFloat32Name) return torch::kFloat32;
  if (name != kBfloat16Name) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no precision '", name, "'; choose ", absl::StrJoin(kPrecisionNames, " or ")));
  }
  if (!HasBfloat16(device)) {
    return absl::FailedPreconditionError(absl::StrCat(
        device.str(),
        " doesn't compute in bfloat16 (a CPU needs AVX-512, a GPU compute capability 8.0); use float32"));
  }
  return torch::kBFloat16;
}

}  // namespace loupe
