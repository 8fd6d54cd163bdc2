// Weight files of PyTorch (`.pth`): a zip archive of a pickle and raw tensor data, as `torch.save` has
// written since PyTorch 1.6. Read as data; nothing in the file is run.

#ifndef LOUPE_WORKER_TORCH_FILE_H_
#define LOUPE_WORKER_TORCH_FILE_H_

#include <torch/types.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// Reads a state dict: at the top of the file, or in a dict there under `model`, `state_dict` or `ema` (the
// first of these that is there). Entries that are no tensors are passed over. Half and bfloat16 are widened
// to float32. Errors: NOT_FOUND when there is no such file; INVALID_ARGUMENT when it is no archive of PyTorch
// (the older layout among them, with the line that converts it), is cut short, asks for anything but tensors
// and plain containers, or claims tensors that its data don't hold.
absl::StatusOr<std::map<std::string, torch::Tensor>> ReadTorchFile(const std::string& path);

// Writes a state dict that `torch.load` reads and `load_state_dict` takes, beside `path` and renamed when
// whole. Tensors: float32, float64, int64, int32, uint8 or bool. Errors: INVALID_ARGUMENT for another type;
// INTERNAL when the disk refuses.
absl::Status WriteTorchFile(const std::string& path, const std::map<std::string, torch::Tensor>& tensors);

}  // namespace loupe

#endif  // LOUPE_WORKER_TORCH_FILE_H_
