#include "tests/support/strict_device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/native/Resize.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>
#include <torch/types.h>

#include <vector>

namespace loupe {
namespace {

using torch::IValue;

C10_REGISTER_GUARD_IMPL(XPU, c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::XPU>);

const torch::Device kDevice(torch::DeviceType::XPU, 0);

class HostAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) const override {
    c10::DataPtr host = c10::GetCPUAllocator()->allocate(bytes);
    host.unsafe_set_device(kDevice);
    return host;
  }
  c10::DeleterFnPtr raw_deleter() const override { return c10::GetCPUAllocator()->raw_deleter(); }
};

HostAllocator allocator;

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::XPU);

torch::Tensor Empty(torch::IntArrayRef size, c10::optional<torch::ScalarType> type,
                    c10::optional<torch::Layout>, c10::optional<torch::Device>, c10::optional<bool>,
                    c10::optional<torch::MemoryFormat> format) {
  return at::detail::empty_generic(size, &allocator, kKeys, type.value_or(torch::kFloat32), format);
}

torch::Tensor EmptyStrided(torch::IntArrayRef size, torch::IntArrayRef stride,
                           c10::optional<torch::ScalarType> type, c10::optional<torch::Layout>,
                           c10::optional<torch::Device>, c10::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &allocator, kKeys, type.value_or(torch::kFloat32));
}

bool IsStrict(const torch::Tensor& tensor) { return tensor.defined() && tensor.device() == kDevice; }

// The same memory as a CPU tensor.
torch::Tensor OnCpu(const torch::Tensor& tensor) {
  if (!IsStrict(tensor)) return tensor;
  return torch::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(),
                          tensor.options().device(torch::kCPU));
}

torch::Tensor ToStrict(const torch::Tensor& tensor) {
  torch::Tensor strict = EmptyStrided(tensor.sizes(), tensor.strides(), tensor.scalar_type(), {}, {}, {});
  OnCpu(strict).copy_(tensor);
  return strict;
}

torch::Tensor CopyFrom(const torch::Tensor& source, const torch::Tensor& target, bool) {
  OnCpu(target).copy_(OnCpu(source));
  return target;
}

// Calls `change` for every tensor in `value`.
template <typename Change>
IValue Changed(const IValue& value, const Change& change) {
  if (value.isTensor()) return change(value.toTensor());
  if (value.isTensorList()) {
    std::vector<torch::Tensor> tensors;
    for (const torch::Tensor& tensor : value.toTensorVector()) tensors.push_back(change(tensor));
    return tensors;
  }
  if (value.isOptionalTensorList()) {
    c10::List<c10::optional<torch::Tensor>> tensors;
    for (const c10::optional<torch::Tensor>& tensor : value.toOptionalTensorVector()) {
      tensors.push_back(tensor.has_value() ? c10::make_optional(change(*tensor)) : c10::nullopt);
    }
    return tensors;
  }
  return value;
}

// Any other operation: on the CPU, over the same memory.
void ComputeOnCpu(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  const auto& schema = operation.schema();
  const size_t count = schema.arguments().size();
  const std::vector<IValue> arguments(stack->end() - static_cast<int64_t>(count), stack->end());
  torch::jit::drop(*stack, count);
  // Results that the caller provides, each with the CPU tensor that stands for it and may grow.
  std::vector<std::pair<torch::Tensor, torch::Tensor>> provided;
  for (size_t i = 0; i < count; ++i) {
    stack->push_back(Changed(arguments[i], [&](const torch::Tensor& tensor) {
      TORCH_CHECK(!tensor.defined() || IsStrict(tensor) || tensor.dim() == 0, operation.operator_name(),
                  ": tensors of two devices; argument ", i, " is on ", tensor.device());
      if (!schema.arguments()[i].is_out()) return OnCpu(tensor);
      provided.emplace_back(tensor, torch::empty({0}, tensor.options().device(torch::kCPU)));
      return provided.back().second;
    }));
  }
  operation.callBoxed(stack);
  for (const auto& [strict, cpu] : provided) {
    if (strict.sizes() != cpu.sizes()) strict.resize_(cpu.sizes());
    OnCpu(strict).copy_(cpu);
  }
  for (size_t i = 0; i < schema.returns().size(); ++i) {
    IValue& result = *(stack->end() - static_cast<int64_t>(schema.returns().size() - i));
    const auto* alias = schema.returns()[i].alias_info();
    if (alias == nullptr || !alias->isWrite()) {
      result = Changed(result, [](const torch::Tensor& cpu) { return cpu.defined() ? ToStrict(cpu) : cpu; });
    } else {
      result = provided.empty() ? arguments.front() : IValue(provided[i].first);
    }
  }
}

torch::Tensor Convolution(const torch::Tensor& input, const torch::Tensor& weight,
                          const c10::optional<torch::Tensor>& bias, torch::IntArrayRef stride,
                          torch::IntArrayRef padding, torch::IntArrayRef dilation, bool transposed,
                          torch::IntArrayRef output_padding, int64_t groups) {
  TORCH_CHECK(
      IsStrict(input) && IsStrict(weight) && (!bias.has_value() || !bias->defined() || IsStrict(*bias)),
      "a convolution got tensors of two devices");
  return ToStrict(at::convolution(OnCpu(input), OnCpu(weight),
                                  bias.has_value() ? OnCpu(*bias) : torch::Tensor(), stride, padding,
                                  dilation, transposed, output_padding, groups));
}

std::tuple<torch::Tensor, torch::Tensor, torch::Tensor> ConvolutionBackward(
    const torch::Tensor& gradient, const torch::Tensor& input, const torch::Tensor& weight,
    torch::IntArrayRef stride, torch::IntArrayRef padding, torch::IntArrayRef dilation, bool transposed,
    torch::IntArrayRef output_padding, int64_t groups, std::array<bool, 3> wanted) {
  TORCH_CHECK(IsStrict(gradient) && IsStrict(input) && IsStrict(weight),
              "a gradient got tensors of two devices");
  const std::vector<int64_t> bias_size = {gradient.size(1)};
  const auto [to_input, to_weight, to_bias] =
      at::convolution_backward(OnCpu(gradient), OnCpu(input), OnCpu(weight), torch::IntArrayRef(bias_size),
                               stride, padding, dilation, transposed, output_padding, groups, wanted);
  const auto strict = [](const torch::Tensor& tensor) {
    return tensor.defined() ? ToStrict(tensor) : tensor;
  };
  return {strict(to_input), strict(to_weight), strict(to_bias)};
}

TORCH_LIBRARY_IMPL(aten, XPU, library) {
  library.impl("empty.memory_format", Empty);
  library.impl("empty_strided", EmptyStrided);
  library.impl("_copy_from", CopyFrom);
  library.impl("as_strided", at::native::as_strided_tensorimpl);
  library.impl("view", [](const torch::Tensor& self, torch::IntArrayRef size) {
    return at::native::view(self, size);
  });
  library.impl("_reshape_alias", at::native::_reshape_alias);
  library.impl("resize_", at::native::resize_);
  library.impl("convolution_overrideable", Convolution);
  library.impl("convolution_backward_overrideable", ConvolutionBackward);
}

TORCH_LIBRARY_IMPL(_, XPU, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&ComputeOnCpu>());
}

}  // namespace

torch::Device StrictDevice() { return kDevice; }

}  // namespace loupe
