// A weight file of PyTorch as it lies on the disk: a pickle, and the data of the tensors that it describes.

#ifndef LOUPE_WORKER_TORCH_LAYOUT_H_
#define LOUPE_WORKER_TORCH_LAYOUT_H_

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/weights/pickle.h"

namespace loupe {

// A type of elements under PyTorch's name for it.
struct StorageType {
  std::string_view name;
  c10::ScalarType type;
};

inline constexpr StorageType kStorageTypes[] = {
    {"torch.FloatStorage", c10::kFloat}, {"torch.DoubleStorage", c10::kDouble},
    {"torch.HalfStorage", c10::kHalf},   {"torch.BFloat16Storage", c10::kBFloat16},
    {"torch.LongStorage", c10::kLong},   {"torch.IntStorage", c10::kInt},
    {"torch.ShortStorage", c10::kShort}, {"torch.CharStorage", c10::kChar},
    {"torch.ByteStorage", c10::kByte},   {"torch.BoolStorage", c10::kBool},
};

// What a tensor says of its data, which other tensors may share: a persistent object with the id
// ("storage", type, key, device, number of elements), and in the older layout a part of other data.
struct StorageId {
  c10::ScalarType type;
  std::string key;
};

// Errors: INVALID_ARGUMENT for what isn't named as PyTorch does it, and for a type that isn't known.
absl::StatusOr<StorageId> ReadStorageId(const Pickled& persistent);

class TorchLayout {
 public:
  virtual ~TorchLayout() = default;

  // Opens a file in either layout of `torch.save`: a zip archive, since PyTorch 1.6, or pickles one after
  // another and then the data. `allowed`: as for Pickle::Parse. Errors: INVALID_ARGUMENT, without path.
  static absl::StatusOr<std::unique_ptr<TorchLayout>> Open(const std::string& path,
                                                           const std::vector<std::string_view>& allowed);

  // What was saved.
  const Pickled& root() const { return pickle_.root(); }
  uint64_t file_bytes() const { return file_bytes_; }
  // The length of the data of a storage; none: the file doesn't have them.
  virtual std::optional<uint64_t> BytesOf(const std::string& key) const = 0;
  // Copies the data of a storage. Requires: BytesOf(key), and room for as many.
  // Errors: INVALID_ARGUMENT, without path.
  virtual absl::Status Read(const std::string& key, char* to) = 0;

 protected:
  uint64_t file_bytes_ = 0;
  std::string text_;  // what pickle_ points into
  Pickle pickle_;
};

}  // namespace loupe

#endif  // LOUPE_WORKER_TORCH_LAYOUT_H_
