#include "worker/weights/torch_file.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/types.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "content/whole_file.h"
#include "worker/weights/pickle.h"
#include "worker/weights/pickle_writer.h"
#include "worker/weights/torch_layout.h"

namespace loupe {
namespace {

using TensorMap = std::map<std::string, torch::Tensor>;
using Kind = Pickled::Kind;

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
// Before PyTorch 0.4.
constexpr std::string_view kRebuildOldTensor = "torch._utils._rebuild_tensor";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
// Tensors may share data, which are then copied for each of them. A file whose tensors take more than this
// many times its size is no state dict.
constexpr uint64_t kMostSharing = 4;
absl::Status Malformed(const std::string& what) { return absl::InvalidArgumentError(what); }

std::vector<std::string_view> AllowedGlobals() {
  // The last ones are of what trainers save beside a model: schedules and numbers. They are passed over.
  std::vector<std::string_view> allowed = {"collections.OrderedDict",
                                           kRebuildTensor,
                                           kRebuildOldTensor,
                                           kRebuildParameter,
                                           "torch.Size",
                                           "collections.Counter",
                                           "collections.defaultdict",
                                           "numpy.dtype",
                                           "numpy.core.multiarray.scalar",
                                           "numpy._core.multiarray.scalar",
                                           "_codecs.encode",
                                           "numpy.ndarray",
                                           "numpy.core.multiarray._reconstruct",
                                           "numpy._core.multiarray._reconstruct",
                                           "argparse.Namespace",
                                           "torch.device",
                                           "torch.float32",
                                           "torch.float16",
                                           "torch.bfloat16",
                                           "__builtin__.list",
                                           "__builtin__.dict",
                                           "__builtin__.int",
                                           "__builtin__.float",
                                           "__builtin__.complex",
                                           "builtins.list",
                                           "builtins.dict",
                                           "builtins.int",
                                           "builtins.float",
                                           "builtins.complex"};
  for (const StorageType& storage : kStorageTypes) allowed.push_back(storage.name);
  return allowed;
}

class TensorReader {
 public:
  explicit TensorReader(TorchLayout& file)
      : file_(file), storage_bytes_left_(file.file_bytes()), bytes_left_(file.file_bytes() * kMostSharing) {}

  static bool IsTensor(const Pickled& value) {
    return IsBareTensor(value) || value.IsCallOf(kRebuildParameter);
  }

  // Requires: IsTensor(value). Errors: without path and name.
  absl::StatusOr<torch::Tensor> Read(const Pickled& value) {
    const Pickled* call = &value;
    if (value.IsCallOf(kRebuildParameter)) {
      const auto& arguments = value.items[1]->items;
      if (arguments.empty() || !IsBareTensor(*arguments[0])) return Malformed("is a parameter of no tensor");
      call = arguments[0];
    }
    const auto& arguments = call->items[1]->items;
    if (arguments.size() < 4 || arguments[0]->kind != Kind::kPersistent || arguments[1]->kind != Kind::kInt) {
      return Malformed("is not described as PyTorch does it");
    }
    std::vector<int64_t> sizes, strides;
    if (!ReadIntegers(*arguments[2], sizes) || !ReadIntegers(*arguments[3], strides) ||
        sizes.size() != strides.size()) {
      return Malformed("has no sizes");
    }
    const absl::StatusOr<torch::Tensor> storage = ReadStorage(*arguments[0]);
    if (!storage.ok()) return storage.status();
    if (!Fits(arguments[1]->integer, sizes, strides, storage->numel()))
      return Malformed("claims more than its data");
    const auto view = storage->as_strided(sizes, strides, arguments[1]->integer);
    if (view.nbytes() > bytes_left_)
      return Malformed("and those before it claim far more than the file holds");
    bytes_left_ -= view.nbytes();
    const bool widen = view.scalar_type() == torch::kFloat16 || view.scalar_type() == torch::kBFloat16;
    return widen ? view.to(torch::kFloat32).contiguous() : view.clone(torch::MemoryFormat::Contiguous);
  }

 private:
  static bool IsBareTensor(const Pickled& value) {
    return value.IsCallOf(kRebuildTensor) || value.IsCallOf(kRebuildOldTensor);
  }

  static bool ReadIntegers(const Pickled& tuple, std::vector<int64_t>& values) {
    const Pickled* list = &tuple;
    if (tuple.IsCallOf("torch.Size") && tuple.items[1]->items.size() == 1) list = tuple.items[1]->items[0];
    for (const Pickled* item : list->items) {
      if (item->kind != Kind::kInt || item->integer < 0) return false;
      values.push_back(item->integer);
    }
    return list->kind == Kind::kTuple || list->kind == Kind::kList;
  }

  // Whether every element lies in the storage, and the tensor has no more elements than the storage.
  static bool Fits(int64_t offset, const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides,
                   int64_t available) {
    if (offset < 0 || offset > available) return false;
    // LibTorch multiplies sides to strides even when one of them is 0.
    int64_t count = 1, last = offset, extent = sizeof(double);
    for (size_t i = 0; i < sizes.size(); ++i) {
      int64_t reach = 0;
      if (__builtin_mul_overflow(extent, std::max<int64_t>(sizes[i], 1), &extent)) return false;
      count *= sizes[i];
      if (__builtin_mul_overflow(std::max<int64_t>(sizes[i] - 1, 0), strides[i], &reach)) return false;
      if (__builtin_add_overflow(last, reach, &last)) return false;
    }
    return count == 0 || (count <= available && last < available);
  }

  absl::StatusOr<torch::Tensor> ReadStorage(const Pickled& persistent) {
    const absl::StatusOr<StorageId> id = ReadStorageId(persistent);
    if (!id.ok()) return id.status();
    if (const auto found = storages_.find(id->key); found != storages_.end()) {
      if (found->second.scalar_type() != id->type) return Malformed("has data of two types");
      return found->second;
    }
    const std::optional<uint64_t> bytes = file_.BytesOf(id->key);
    if (!bytes.has_value()) return Malformed("has no data in the file");
    const uint64_t element_bytes = c10::elementSize(id->type);
    if (*bytes % element_bytes != 0) return Malformed("has data of another type");
    if (*bytes > storage_bytes_left_) return Malformed("has data that overlap with others");
    storage_bytes_left_ -= *bytes;
    auto storage = torch::empty({static_cast<int64_t>(*bytes / element_bytes)}, id->type);
    const absl::Status read = file_.Read(id->key, static_cast<char*>(storage.data_ptr()));
    if (!read.ok()) return Malformed(absl::StrCat("can't be read: ", read.message()));
    return storages_[id->key] = storage;
  }

  TorchLayout& file_;
  uint64_t storage_bytes_left_;  // for storages that are not read yet
  uint64_t bytes_left_;          // for tensors that are not read yet
  TensorMap storages_;
};

// The dict of tensors by name; null when there is none.
const Pickled* StateDictIn(const Pickled& root) {
  for (const char* key : {"model", "state_dict", "ema"}) {
    const Pickled* inner = root.Find(key);
    if (inner != nullptr && inner->kind == Kind::kDict) return inner;
  }
  return root.kind == Kind::kDict ? &root : nullptr;
}

// Errors: without path.
absl::StatusOr<TensorMap> ReadStateDict(const std::string& path) {
  const auto file = TorchLayout::Open(path, AllowedGlobals());
  if (!file.ok()) return file.status();
  const Pickled* state = StateDictIn((*file)->root());
  if (state == nullptr) return Malformed("it holds no dict of tensors");
  TensorReader reader(**file);
  TensorMap tensors;
  for (size_t i = 0; i + 1 < state->items.size(); i += 2) {
    const Pickled& name = *state->items[i];
    if (name.kind != Kind::kString || !TensorReader::IsTensor(*state->items[i + 1])) continue;
    absl::StatusOr<torch::Tensor> tensor = reader.Read(*state->items[i + 1]);
    if (!tensor.ok()) return Malformed(absl::StrCat("tensor '", name.text, "' ", tensor.status().message()));
    tensors[name.text] = *std::move(tensor);
  }
  if (tensors.empty()) return Malformed("it holds no tensors, at the top or under model, state_dict or ema");
  return tensors;
}

std::span<const int64_t> AsSpan(torch::IntArrayRef values) { return {values.data(), values.size()}; }

absl::StatusOr<std::string_view> StorageNameOf(const std::string& name, const torch::Tensor& tensor) {
  for (const StorageType& storage : kStorageTypes) {
    if (storage.type == tensor.scalar_type()) return storage.name;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor '", name, "' has type ", c10::toString(tensor.scalar_type()), ", which is not written"));
}

absl::Status WriteArchive(WholeFile& file, const std::string& pickle,
                          const std::vector<torch::Tensor>& contents) {
  absl::Status written;
  // The writer is never told of an error: its destructor writes too, and would throw.
  caffe2::serialize::PyTorchStreamWriter writer([&](const void* bytes, size_t count) {
    if (written.ok()) written = file.Append({static_cast<const char*>(bytes), count});
    return count;
  });
  try {
    writer.writeRecord("data.pkl", pickle.data(), pickle.size());
    for (size_t i = 0; i < contents.size(); ++i) {
      writer.writeRecord(absl::StrCat("data/", i), contents[i].data_ptr(), contents[i].nbytes());
    }
    writer.writeEndOfFile();
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
  return written;
}

// Errors: WholeFile's, and INTERNAL.
absl::Status WriteWholeTorchFile(const std::string& path, const std::string& pickle,
                                 const std::vector<torch::Tensor>& contents) {
  absl::StatusOr<WholeFile> file = WholeFile::Open(path);
  if (!file.ok()) return file.status();
  if (absl::Status written = WriteArchive(*file, pickle, contents); !written.ok()) return written;
  return file->Commit(Durability::kLater);
}

}  // namespace

absl::StatusOr<TensorMap> ReadTorchFile(const std::string& path) {
  if (std::filesystem::is_directory(path))
    return absl::InvalidArgumentError(absl::StrCat(path, " is a folder"));
  if (!std::ifstream(path)) return absl::NotFoundError(absl::StrCat("can't open the weight file ", path));
  absl::StatusOr<TensorMap> tensors;
  try {
    tensors = ReadStateDict(path);
  } catch (const c10::Error& error) {
    tensors = Malformed(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    tensors = Malformed("it claims more data than fits in memory");
  }
  if (tensors.ok()) return tensors;
  return Malformed(absl::StrCat(path, " is not a sound PyTorch weight file: ", tensors.status().message()));
}

absl::Status WriteTorchFile(const std::string& path, const TensorMap& tensors) {
  PickleWriter pickle;
  pickle.OrderedDict().Raw("(");
  std::vector<torch::Tensor> contents;
  for (const auto& [name, tensor] : tensors) {
    const auto storage = StorageNameOf(name, tensor);
    if (!storage.ok()) return storage.status();
    const auto content = tensor.detach().to(torch::kCPU).contiguous();
    pickle.Text(name).Global(kRebuildTensor).Raw("((").Text("storage").Global(*storage);
    pickle.Text(absl::StrCat(contents.size())).Text("cpu").Integer(content.numel()).Raw("tQ").Integer(0);
    pickle.Integers(AsSpan(content.sizes()))
        .Integers(AsSpan(content.strides()))
        .Raw("\x89")
        .OrderedDict()
        .Raw("tR");
    contents.push_back(content);
  }
  const absl::Status written = WriteWholeTorchFile(path, pickle.Raw("u").Finish(), contents);
  if (written.ok()) return written;
  const std::string what =
      absl::StrCat(written.message(), "; check that the file's folder exists and has room");
  return absl::IsResourceExhausted(written) ? absl::ResourceExhaustedError(what) : absl::InternalError(what);
}

}  // namespace loupe
