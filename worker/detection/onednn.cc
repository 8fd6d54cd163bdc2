#include "worker/detection/onednn.h"

#include <torch/types.h>

#include <dnnl.hpp>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

namespace loupe::detection {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
constexpr auto kFloat = memory::data_type::f32;
constexpr auto kBfloat16 = memory::data_type::bf16;
// Number of input shapes for which a layer keeps its kernel. A pool of pictures has few shapes after padding.
constexpr size_t kKeptShapes = 16;

const dnnl::engine& Engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

void Run(const dnnl::primitive& primitive, const std::unordered_map<int, memory>& arguments) {
  thread_local dnnl::stream stream(Engine());
  primitive.execute(stream, arguments);
  stream.wait();
}

memory Wrap(const memory::desc& description, const torch::Tensor& tensor) {
  return memory(description, Engine(), tensor.data_ptr());
}

dnnl::primitive_attr Attributes(bool accumulate, Activation activation) {
  dnnl::post_ops operations;
  if (accumulate) operations.append_sum(1);
  if (activation == Activation::kRelu) {
    operations.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
  } else if (activation == Activation::kHardSwish) {
    operations.append_eltwise(1, dnnl::algorithm::eltwise_hardswish, 0, 0);
  }
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(operations);
  return attributes;
}

// The weights in the layouts that kernels need; in practice one.
class PackedWeights {
 public:
  PackedWeights(torch::Tensor weights, memory::desc description)
      : plain_(std::move(weights)), plain_description_(std::move(description)) {}

  const memory& In(const memory::desc& wanted) {
    for (const memory& packed : packed_) {
      if (packed.get_desc() == wanted) return packed;
    }
    const memory from = plain_.defined() ? Wrap(plain_description_, plain_) : packed_.front();
    const memory& to = packed_.emplace_back(wanted, Engine());
    Run(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
    plain_.reset();
    return to;
  }

 private:
  torch::Tensor plain_;  // until the weights are packed for the first time
  memory::desc plain_description_;
  std::list<memory> packed_;
};

// A cache that keeps the latest keys.
template <typename Key, typename Prepared>
class Latest {
 public:
  template <typename Make>
  const Prepared& Get(const Key& key, const Make& make) {
    for (const auto& [known, prepared] : entries_) {
      if (known == key) return prepared;
    }
    if (entries_.size() == kKeptShapes) entries_.pop_back();
    entries_.emplace_front(key, make());
    return entries_.front().second;
  }

 private:
  std::list<std::pair<Key, Prepared>> entries_;
};

template <typename Action>
auto Translated(const Action& action) {
  try {
    return action();
  } catch (const dnnl::error& error) {
    TORCH_CHECK(false, "oneDNN: ", error.what());
  }
}

}  // namespace

bool OneDnnTakes(const torch::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
}

bool OneDnnHasBfloat16() {
  const memory::desc map({1, 16, 8, 8}, kBfloat16, Tag::nhwc);
  const dnnl::convolution_forward::desc description(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, map,
      memory::desc({16, 16, 3, 3}, kBfloat16, Tag::any), map, {1, 1}, {1, 1}, {1, 1});
  const dnnl::convolution_forward::primitive_desc chosen(description, Engine(), /*allow_empty=*/true);
  return static_cast<bool>(chosen);
}

class OneDnnConv::Impl {
 public:
  Impl(const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding,
       int64_t groups, Activation activation, torch::ScalarType type)
      : type_(type),
        sides_(weight.sizes().vec()),
        stride_(stride),
        padding_(padding),
        groups_(groups),
        activation_(activation),
        weights_(weight.contiguous(),
                 memory::desc(WeightDims(), kFloat, groups == 1 ? Tag::oihw : Tag::goihw)),
        bias_(bias.contiguous()) {}

  torch::Tensor Forward(const torch::Tensor& input, const torch::Tensor& residual) {
    const auto x = input.contiguous(torch::MemoryFormat::ChannelsLast);
    TORCH_CHECK(x.scalar_type() == type_, "a convolution of ", type_, " got ", x.scalar_type());
    TORCH_CHECK(x.size(1) == sides_[1] * groups_, "a convolution of ", sides_[1] * groups_, " channels got ",
                x.size(1));
    const memory::dims shape{x.size(0), sides_[0], OutputSide(x.size(2)), OutputSide(x.size(3))};
    if (x.numel() == 0) return torch::empty(shape, x.options(), torch::MemoryFormat::ChannelsLast);
    torch::Tensor y = residual;
    if (y.defined()) {
      TORCH_CHECK(y.sizes() == shape && y.scalar_type() == type_ &&
                      y.is_contiguous(torch::MemoryFormat::ChannelsLast),
                  "a residual must be shaped and laid out as the result");
    } else {
      y = torch::empty(shape, x.options(), torch::MemoryFormat::ChannelsLast);
    }
    const Prepared& prepared = prepared_.Get({x.size(0), x.size(2), x.size(3), residual.defined()}, [&] {
      return Prepare(x.sizes().vec(), shape, residual.defined());
    });
    Run(prepared.primitive, {{DNNL_ARG_SRC, Wrap(prepared.input, x)},
                             {DNNL_ARG_WEIGHTS, prepared.weights},
                             {DNNL_ARG_BIAS, Wrap(BiasDescription(), bias_)},
                             {DNNL_ARG_DST, Wrap(prepared.output, y)}});
    return y;
  }

 private:
  struct Key {
    int64_t images, height, width;
    bool accumulate;
    bool operator==(const Key&) const = default;
  };
  struct Prepared {
    dnnl::convolution_forward primitive;
    memory weights;
    memory::desc input, output;
  };

  memory::dims WeightDims() const {
    if (groups_ == 1) return sides_;
    return {groups_, sides_[0] / groups_, sides_[1], sides_[2], sides_[3]};
  }
  memory::desc BiasDescription() const { return {{sides_[0]}, kFloat, Tag::a}; }
  int64_t OutputSide(int64_t side) const { return (side + 2 * padding_ - sides_[2]) / stride_ + 1; }

  Prepared Prepare(const memory::dims& input_shape, const memory::dims& output_shape, bool accumulate) {
    const auto type = type_ == torch::kBFloat16 ? kBfloat16 : kFloat;
    const memory::desc input(input_shape, type, Tag::nhwc);
    const memory::desc output(output_shape, type, Tag::nhwc);
    const dnnl::convolution_forward::desc description(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, input,
        memory::desc(WeightDims(), type, Tag::any), BiasDescription(), output, {stride_, stride_},
        {padding_, padding_}, {padding_, padding_});
    const dnnl::convolution_forward::primitive_desc chosen(description, Attributes(accumulate, activation_),
                                                           Engine());
    return {dnnl::convolution_forward(chosen), weights_.In(chosen.weights_desc()), input, output};
  }

  torch::ScalarType type_;
  std::vector<int64_t> sides_;  // sides of the weight
  int64_t stride_, padding_, groups_;
  Activation activation_;
  PackedWeights weights_;
  torch::Tensor bias_;
  Latest<Key, Prepared> prepared_;
};

OneDnnConv::OneDnnConv(const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride,
                       int64_t padding, int64_t groups, Activation activation, torch::ScalarType type)
    : impl_(std::make_unique<Impl>(weight, bias, stride, padding, groups, activation, type)) {}

OneDnnConv::~OneDnnConv() = default;

torch::Tensor OneDnnConv::Forward(const torch::Tensor& x, const torch::Tensor& residual) const {
  return Translated([&] { return impl_->Forward(x, residual); });
}

OneDnnLinear::OneDnnLinear(const torch::Tensor& weight, const torch::Tensor& bias, Activation activation,
                           torch::ScalarType type)
    : conv_(weight.unsqueeze(2).unsqueeze(3), bias, /*stride=*/1, /*padding=*/0, /*groups=*/1, activation,
            type) {}

torch::Tensor OneDnnLinear::Forward(const torch::Tensor& x) const {
  const auto picture = x.contiguous().view({1, 1, x.size(0), x.size(1)}).permute({0, 3, 1, 2});
  return conv_.Forward(picture, {}).permute({0, 2, 3, 1}).flatten(0, 2);
}

}  // namespace loupe::detection
