#include "worker/weights/torch_file.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "content/whole_file.h"
#include "worker/weights/pickle.h"
#include "worker/weights/pickle_writer.h"
#include "worker/weights/stored_zip.h"

namespace loupe {
namespace {

using TensorMap = std::map<std::string, torch::Tensor>;
using Kind = Pickled::Kind;

constexpr std::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildParameter = "torch._utils._rebuild_parameter";
// Tensors may share data, which are then copied for each of them. A file whose tensors take more than this
// many times its size is no state dict.
constexpr uint64_t kMostSharing = 4;
// A parsed value takes up to a hundred times its bytes in the pickle. A state dict of thousands of tensors
// has a pickle of 1 MB.
constexpr uint64_t kMaxPickleBytes = 16 << 20;

struct StorageType {
  std::string_view name;
  torch::ScalarType type;
};

constexpr StorageType kStorageTypes[] = {
    {"torch.FloatStorage", torch::kFloat32}, {"torch.DoubleStorage", torch::kFloat64},
    {"torch.HalfStorage", torch::kFloat16},  {"torch.BFloat16Storage", torch::kBFloat16},
    {"torch.LongStorage", torch::kInt64},    {"torch.IntStorage", torch::kInt32},
    {"torch.ShortStorage", torch::kInt16},   {"torch.CharStorage", torch::kInt8},
    {"torch.ByteStorage", torch::kUInt8},    {"torch.BoolStorage", torch::kBool},
};

absl::Status Malformed(const std::string& what) { return absl::InvalidArgumentError(what); }

std::vector<std::string_view> AllowedGlobals() {
  // The last ones are of what trainers save beside a model: schedules and numbers. They are passed over.
  std::vector<std::string_view> allowed = {"collections.OrderedDict",
                                           kRebuildTensor,
                                           kRebuildParameter,
                                           "torch.Size",
                                           "collections.Counter",
                                           "collections.defaultdict",
                                           "numpy.dtype",
                                           "numpy.core.multiarray.scalar",
                                           "numpy._core.multiarray.scalar",
                                           "_codecs.encode"};
  for (const StorageType& storage : kStorageTypes) allowed.push_back(storage.name);
  return allowed;
}

// Reads the tensors of an archive.
class ArchiveReader {
 public:
  explicit ArchiveReader(StoredZip& archive)
      : archive_(archive),
        storage_bytes_left_(archive.file_bytes()),
        bytes_left_(archive.file_bytes() * kMostSharing) {}

  static bool IsTensor(const Pickled& value) {
    return value.IsCallOf(kRebuildTensor) || value.IsCallOf(kRebuildParameter);
  }

  // Requires: IsTensor(value). Errors: without path and name.
  absl::StatusOr<torch::Tensor> Read(const Pickled& value) {
    const Pickled* call = &value;
    if (value.IsCallOf(kRebuildParameter)) {
      const auto& arguments = value.items[1]->items;
      if (arguments.empty() || !arguments[0]->IsCallOf(kRebuildTensor))
        return Malformed("is a parameter of no tensor");
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
    const absl::StatusOr<torch::Tensor> storage = ReadStorage(*arguments[0]->items[0]);
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

  // `id`: ("storage", type, key, device, number of elements).
  absl::StatusOr<torch::Tensor> ReadStorage(const Pickled& id) {
    const auto& parts = id.items;
    if (id.kind != Kind::kTuple || parts.size() != 5 || parts[1]->kind != Kind::kGlobal ||
        parts[2]->kind != Kind::kString) {
      return Malformed("has data that are not named as PyTorch does it");
    }
    const auto known =
        std::find_if(std::begin(kStorageTypes), std::end(kStorageTypes),
                     [&](const StorageType& storage) { return storage.name == parts[1]->text; });
    if (known == std::end(kStorageTypes))
      return Malformed(absl::StrCat("has data of the type ", parts[1]->text));
    const std::string& key = parts[2]->text;
    if (const auto found = storages_.find(key); found != storages_.end()) {
      if (found->second.scalar_type() != known->type) return Malformed("has data of two types");
      return found->second;
    }
    const StoredZip::Record* record = archive_.Find("data/" + key);
    if (record == nullptr) return Malformed("has no data in the archive");
    const uint64_t element_bytes = c10::elementSize(known->type);
    if (record->size % element_bytes != 0) return Malformed("has data of another type");
    if (record->size > storage_bytes_left_) return Malformed("has data that overlap with others");
    storage_bytes_left_ -= record->size;
    auto storage = torch::empty({static_cast<int64_t>(record->size / element_bytes)}, known->type);
    const absl::Status read = archive_.Read(*record, static_cast<char*>(storage.data_ptr()));
    if (!read.ok()) return Malformed(absl::StrCat("can't be read: ", read.message()));
    return storages_[key] = storage;
  }

  StoredZip& archive_;
  uint64_t storage_bytes_left_;  // for records that are not read yet
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
absl::StatusOr<TensorMap> ReadArchive(const std::string& path) {
  absl::StatusOr<StoredZip> archive = StoredZip::Open(path);
  if (!archive.ok()) return archive.status();
  const StoredZip::Record* record = archive->Find("data.pkl");
  if (record == nullptr) return Malformed("it is an archive without data.pkl");
  if (record->size > kMaxPickleBytes) return Malformed("its data.pkl is too long for a state dict");
  std::string text(record->size, '\0');
  if (absl::Status read = archive->Read(*record, text.data()); !read.ok()) return read;
  const auto pickle = Pickle::Parse(text, AllowedGlobals());
  if (!pickle.ok()) return pickle.status();
  const Pickled* state = StateDictIn(pickle->root());
  if (state == nullptr) return Malformed("it holds no dict of tensors");
  ArchiveReader reader(*archive);
  TensorMap tensors;
  for (size_t i = 0; i + 1 < state->items.size(); i += 2) {
    const Pickled& name = *state->items[i];
    if (name.kind != Kind::kString || !ArchiveReader::IsTensor(*state->items[i + 1])) continue;
    absl::StatusOr<torch::Tensor> tensor = reader.Read(*state->items[i + 1]);
    if (!tensor.ok()) return Malformed(absl::StrCat("tensor '", name.text, "' ", tensor.status().message()));
    tensors[name.text] = *std::move(tensor);
  }
  if (tensors.empty()) return Malformed("it holds no tensors, at the top or under model, state_dict or ema");
  return tensors;
}

bool IsZip(const std::string& path) {
  std::array<char, 2> start = {};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  return start == std::array{'P', 'K'};
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
  if (!std::ifstream(path)) return absl::NotFoundError(absl::StrCat("can't open the weight file ", path));
  if (!IsZip(path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        " is not a weight file that PyTorch has written since 1.6; if an older PyTorch wrote it, convert it "
        "with:"
        " python3 -c \"import torch; torch.save(torch.load('OLD.pth', map_location='cpu'), 'NEW.pth')\""));
  }
  absl::StatusOr<TensorMap> tensors;
  try {
    tensors = ReadArchive(path);
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
