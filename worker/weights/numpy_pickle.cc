#include "worker/weights/numpy_pickle.h"

#include <torch/types.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "content/read_file.h"
#include "worker/weights/pickle.h"

namespace loupe {
namespace {

using TensorMap = std::map<std::string, torch::Tensor>;
using Kind = Pickled::Kind;

constexpr std::string_view kArray = "numpy.ndarray";
constexpr std::string_view kDtype = "numpy.dtype";
// Arrays may share data, which are then copied for each of them. A file whose arrays take more than this many
// times its size is no model.
constexpr uint64_t kMostShared = 4;
// Of NumPy 1 and 2.
constexpr std::string_view kRebuilds[] = {"numpy.core.multiarray._reconstruct",
                                          "numpy._core.multiarray._reconstruct"};
constexpr std::string_view kFromBuffers[] = {"numpy.core.numeric._frombuffer",
                                             "numpy._core.numeric._frombuffer"};
constexpr std::string_view kEncode = "_codecs.encode";
const std::vector<std::string_view> kAllowed = {"collections.OrderedDict",
                                                kArray,
                                                kDtype,
                                                kRebuilds[0],
                                                kRebuilds[1],
                                                kFromBuffers[0],
                                                kFromBuffers[1],
                                                kEncode,
                                                "numpy.core.multiarray.scalar",
                                                "numpy._core.multiarray.scalar"};

struct ArrayType {
  std::string_view name;
  torch::ScalarType type;
};

constexpr ArrayType kArrayTypes[] = {
    {"f4", torch::kFloat32}, {"f8", torch::kFloat64}, {"f2", torch::kFloat16},
    {"i8", torch::kInt64},   {"i4", torch::kInt32},   {"i2", torch::kInt16},
    {"i1", torch::kInt8},    {"u1", torch::kUInt8},   {"b1", torch::kBool},
};

absl::Status BadArray(const std::string& what) { return absl::InvalidArgumentError(what); }

bool IsArray(const Pickled& value) {
  if (value.IsCallOf(kFromBuffers[0]) || value.IsCallOf(kFromBuffers[1])) return true;
  const bool rebuilds = value.IsCallOf(kRebuilds[0]) || value.IsCallOf(kRebuilds[1]);
  if (!rebuilds || value.items[1]->items.empty()) return false;
  const Pickled& type = *value.items[1]->items[0];
  return type.kind == Kind::kGlobal && type.text == kArray;
}

absl::StatusOr<torch::ScalarType> TypeOf(const Pickled& dtype) {
  const auto& arguments = dtype.items.size() == 2 ? dtype.items[1]->items : dtype.items;
  if (!dtype.IsCallOf(kDtype) || arguments.empty() || arguments[0]->kind != Kind::kString) {
    return BadArray("has no type");
  }
  const std::string& name = arguments[0]->text;
  const auto known = std::find_if(std::begin(kArrayTypes), std::end(kArrayTypes),
                                  [&](const ArrayType& one) { return one.name == name; });
  if (known == std::end(kArrayTypes)) return BadArray(absl::StrCat("has the type ", name));
  // The second entry of the state is the order of bytes.
  const bool is_big =
      dtype.state != nullptr && dtype.state->items.size() > 1 && dtype.state->items[1]->text == ">";
  if (is_big) return BadArray("is stored with the largest byte first");
  return known->type;
}

// The parts of an array, wherever its pickle has them.
struct StoredArray {
  const Pickled* type = nullptr;
  const Pickled* sizes = nullptr;
  const Pickled* data = nullptr;
  bool is_turned = false;  // the first dimension is the fastest
};

// nullopt: it is no array, or not as NumPy writes them.
std::optional<StoredArray> FindArray(const Pickled& value) {
  if (value.IsCallOf(kFromBuffers[0]) || value.IsCallOf(kFromBuffers[1])) {  // protocol 5
    const auto& arguments = value.items[1]->items;
    if (arguments.size() != 4) return std::nullopt;
    return StoredArray{arguments[1], arguments[2], arguments[0], arguments[3]->text == "F"};
  }
  // Version, sizes, type, whether it is turned, and the data.
  constexpr size_t kStateSize = 5;
  if (value.state == nullptr || value.state->items.size() != kStateSize) return std::nullopt;
  const auto& state = value.state->items;
  return StoredArray{state[2], state[1], state[4], state[3]->kind == Kind::kBool && state[3]->integer != 0};
}

// The bytes, which protocols before 3 write as a text; in the pickle, or in `bytes`.
std::string_view DataOf(const Pickled& data, std::string& bytes) {
  if (data.kind == Kind::kBytes) return data.bytes;
  if (!data.IsCallOf(kEncode) || data.items[1]->items.empty()) return data.text;
  // From UTF-8 to Latin-1.
  const std::string& text = data.items[1]->items[0]->text;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto unit = static_cast<uint8_t>(text[i]);
    const bool is_double = unit >= 0xc2 && unit <= 0xc3 && i + 1 < text.size();
    bytes += is_double ? static_cast<char>((unit & 3) << 6 | (text[++i] & 0x3f)) : text[i];
  }
  return bytes;
}

// Requires: IsArray(array). Errors: without path and name.
absl::StatusOr<torch::Tensor> ReadArray(const Pickled& array) {
  const std::optional<StoredArray> stored = FindArray(array);
  if (!stored.has_value()) return BadArray("has no data");
  const absl::StatusOr<torch::ScalarType> type = TypeOf(*stored->type);
  if (!type.ok()) return type.status();
  std::vector<int64_t> sizes;
  auto bytes = static_cast<int64_t>(c10::elementSize(*type));
  for (const Pickled* size : stored->sizes->items) {
    if (size->kind != Kind::kInt || size->integer < 0 ||
        __builtin_mul_overflow(bytes, size->integer, &bytes)) {
      return BadArray("has no sizes");
    }
    sizes.push_back(size->integer);
  }
  std::string decoded;
  const std::string_view data = DataOf(*stored->data, decoded);
  if (static_cast<int64_t>(data.size()) != bytes) return BadArray("has data of another size");
  if (stored->is_turned) std::reverse(sizes.begin(), sizes.end());
  torch::Tensor tensor = torch::empty(sizes, *type);
  if (!data.empty()) std::memcpy(tensor.data_ptr(), data.data(), data.size());
  if (stored->is_turned) {
    std::vector<int64_t> order;
    for (int64_t i = tensor.dim(); i-- > 0;) order.push_back(i);
    tensor = tensor.permute(order).contiguous();
  }
  return *type == torch::kFloat16 ? tensor.to(torch::kFloat32) : tensor;
}

// Errors: without path.
absl::StatusOr<TensorMap> ReadArrays(std::string_view text) {
  const absl::StatusOr<Pickle> pickle = Pickle::Parse(text, kAllowed);
  if (!pickle.ok()) return pickle.status();
  const Pickled* model = pickle->root().Find("model");
  if (model == nullptr || model->kind != Kind::kDict) {
    return BadArray(
        "it has no `model`: files of Caffe2 and Detectron aren't supported, only those of Detectron2");
  }
  TensorMap tensors;
  uint64_t bytes_left = kMostShared * text.size();
  for (size_t i = 0; i + 1 < model->items.size(); i += 2) {
    const Pickled& name = *model->items[i];
    if (name.kind != Kind::kString || !IsArray(*model->items[i + 1])) continue;
    absl::StatusOr<torch::Tensor> tensor = ReadArray(*model->items[i + 1]);
    if (!tensor.ok()) return BadArray(absl::StrCat("array '", name.text, "' ", tensor.status().message()));
    if (tensor->nbytes() > bytes_left) {
      return BadArray(
          absl::StrCat("array '", name.text, "' and those before it hold far more than the file"));
    }
    bytes_left -= tensor->nbytes();
    tensors[name.text] = *std::move(tensor);
  }
  if (tensors.empty()) return BadArray("it holds no arrays under `model`");
  return tensors;
}

}  // namespace

absl::StatusOr<TensorMap> ReadNumpyPickle(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<TensorMap> tensors;
  try {
    tensors = ReadArrays(*text);
  } catch (const c10::Error& error) {
    tensors = BadArray(error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    tensors = BadArray("it claims more data than fits in memory");
  }
  if (tensors.ok()) return tensors;
  return BadArray(absl::StrCat(path, " is not a sound weight file: ", tensors.status().message()));
}

}  // namespace loupe
