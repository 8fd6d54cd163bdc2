// Weight files of PyTorch (`.pth`): a pickle and raw tensor data, in either layout that `torch.save` has
// written (worker/weights/torch_layout.h). They are read as data; nothing in the file is run.

#ifndef LOUPE_WORKER_TORCH_FILE_H_
#define LOUPE_WORKER_TORCH_FILE_H_

#include <torch/types.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// Reads a state dict, which is either the top value of the file or in a dict there, under the first key of
// `model`, `state_dict` and `ema` that exists. Entries other than tensors are skipped. float16 and bfloat16
// are widened to float32. Errors: NOT_FOUND when there is no such file; INVALID_ARGUMENT when
// torch.save doesn't write such a file, when it is cut short, asks for code other than tensors and plain
// containers, or describes tensors that its data don't hold.
absl::StatusOr<std::map<std::string, torch::Tensor>> ReadTorchFile(const std::string& path);

// Writes or replaces a file, which is whole or not there (content/whole_file.h). `torch.load` reads it as a
// state dict for `load_state_dict`. Tensors may have any type that ReadTorchFile reads, on any device.
// Errors: INVALID_ARGUMENT for another type; INTERNAL when the file can't be written.
absl::Status WriteTorchFile(const std::string& path, const std::map<std::string, torch::Tensor>& tensors);

}  // namespace loupe

#endif  // LOUPE_WORKER_TORCH_FILE_H_
