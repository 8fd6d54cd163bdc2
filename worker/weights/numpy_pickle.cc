#include "worker/weights/numpy_pickle.h"

#include <torch/types.h>

#include <algorithm>
#include <cstring>
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
// Of NumPy 1 and 2.
constexpr std::string_view kRebuilds[] = {"numpy.core.multiarray._reconstruct",
                                          "numpy._core.multiarray._reconstruct"};
const std::vector<std::string_view> kAllowed = {"collections.OrderedDict",
                                                "numpy.ndarray",
                                                "numpy.dtype",
                                                kRebuilds[0],
                                                kRebuilds[1],
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

bool IsCallOf(const Pickled& value, std::string_view function) {
  return value.kind == Kind::kCall && value.items[0]->text == function;
}

bool IsArray(const Pickled& value) {
  const bool rebuilds = IsCallOf(value, kRebuilds[0]) || IsCallOf(value, kRebuilds[1]);
  if (!rebuilds || value.items[1]->items.empty()) return false;
  const Pickled& type = *value.items[1]->items[0];
  return type.kind == Kind::kGlobal && type.text == kArray;
}

absl::StatusOr<torch::ScalarType> TypeOf(const Pickled& dtype) {
  const auto& arguments = dtype.items.size() == 2 ? dtype.items[1]->items : dtype.items;
  if (!IsCallOf(dtype, kDtype) || arguments.empty() || arguments[0]->kind != Kind::kString) {
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

// Requires: IsArray(array). Errors: without path and name.
absl::StatusOr<torch::Tensor> ReadArray(const Pickled& array) {
  // Version, shape, type, whether the first dimension is the fastest, and the data.
  constexpr size_t kStateSize = 5;
  if (array.state == nullptr || array.state->items.size() != kStateSize) return BadArray("has no data");
  const auto& state = array.state->items;
  const absl::StatusOr<torch::ScalarType> type = TypeOf(*state[2]);
  if (!type.ok()) return type.status();
  std::vector<int64_t> sizes;
  auto bytes = static_cast<int64_t>(c10::elementSize(*type));
  for (const Pickled* size : state[1]->items) {
    if (size->kind != Kind::kInt || size->integer < 0 ||
        __builtin_mul_overflow(bytes, size->integer, &bytes)) {
      return BadArray("has no sizes");
    }
    sizes.push_back(size->integer);
  }
  const bool is_old = state[4]->kind == Kind::kString;  // of Python 2
  const std::string_view data = is_old ? std::string_view(state[4]->text) : state[4]->bytes;
  if (static_cast<int64_t>(data.size()) != bytes) return BadArray("has data of another size");
  const bool turned = state[3]->kind == Kind::kBool && state[3]->integer != 0;
  if (turned) std::reverse(sizes.begin(), sizes.end());
  torch::Tensor tensor = torch::empty(sizes, *type);
  if (!data.empty()) std::memcpy(tensor.data_ptr(), data.data(), data.size());
  if (turned) {
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
  for (size_t i = 0; i + 1 < model->items.size(); i += 2) {
    const Pickled& name = *model->items[i];
    if (name.kind != Kind::kString || !IsArray(*model->items[i + 1])) continue;
    absl::StatusOr<torch::Tensor> tensor = ReadArray(*model->items[i + 1]);
    if (!tensor.ok()) return BadArray(absl::StrCat("array '", name.text, "' ", tensor.status().message()));
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
  }
  if (tensors.ok()) return tensors;
  return BadArray(absl::StrCat(path, " is not a sound weight file: ", tensors.status().message()));
}

}  // namespace loupe
