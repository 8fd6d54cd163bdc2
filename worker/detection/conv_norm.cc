#include "worker/detection/conv_norm.h"

#include <torch/nn/init.h>

#include <utility>

namespace loupe::detection {
namespace {

constexpr double kRunningMomentum = 0.1;

torch::nn::Conv2dOptions ConvOptions(int64_t in_channels, int64_t out_channels, int64_t kernel_size) {
  return torch::nn::Conv2dOptions(in_channels, out_channels, kernel_size).padding((kernel_size - 1) / 2);
}

torch::Tensor Activate(torch::Tensor y, Activation activation) {
  if (activation == Activation::kRelu) return y.relu_();
  return activation == Activation::kHardSwish ? torch::hardswish_(y) : y;
}

}  // namespace

BatchNorm::BatchNorm(int64_t channels)
    : weight(register_parameter("weight", torch::ones({channels}))),
      bias(register_parameter("bias", torch::zeros({channels}))),
      running_mean(register_buffer("running_mean", torch::zeros({channels}))),
      running_var(register_buffer("running_var", torch::ones({channels}))) {}

void BatchNorm::Freeze() {
  frozen_ = true;
  weight.set_requires_grad(false);
  bias.set_requires_grad(false);
}

torch::Tensor BatchNorm::NormaliseBatch(const torch::Tensor& x) {
  return detection::NormaliseBatch(x, weight, bias, running_mean, running_var, kRunningMomentum, kEpsilon,
                                   group_);
}

std::pair<torch::Tensor, torch::Tensor> BatchNorm::ScaleAndShift() const {
  const auto scale = weight * (running_var + kEpsilon).rsqrt();
  return {scale, bias - running_mean * scale};
}

ConvNorm::ConvNorm(torch::nn::Conv2d conv, std::shared_ptr<BatchNorm> norm)
    : conv_(std::move(conv)), norm_(std::move(norm)) {
  // Activations are channels-last; weights in the same order need no reordering.
  conv_->weight.set_data(conv_->weight.detach().contiguous(torch::MemoryFormat::ChannelsLast));
}

torch::Tensor ConvNorm::Forward(const torch::Tensor& x, Activation activation,
                                const torch::Tensor& residual) const {
  const bool batch_statistics = norm_ && norm_->uses_batch_statistics();
  if (!batch_statistics && !NeedsGradient(x) && OneDnnTakes(x)) return Predict(x, activation, residual);

  torch::Tensor y;
  if (batch_statistics) {
    y = norm_->NormaliseBatch(Convolve(x, conv_->weight, {}));
  } else {
    const auto [weight, bias] = Fold();
    y = Convolve(x, weight, bias);
  }
  if (residual.defined()) y.add_(residual);
  return Activate(y, activation);
}

void ConvNorm::StopTraining() {
  conv_->weight.set_requires_grad(false);
  if (conv_->bias.defined()) conv_->bias.set_requires_grad(false);
  if (!norm_) return;
  norm_->weight.set_requires_grad(false);
  norm_->bias.set_requires_grad(false);
}

bool ConvNorm::IsFrozen() const {
  return detection::IsFrozen(*conv_) && (!norm_ || detection::IsFrozen(*norm_));
}

bool ConvNorm::NeedsGradient(const torch::Tensor& x) const {
  if (!torch::GradMode::is_enabled()) return false;
  return x.requires_grad() || conv_->weight.requires_grad() || (norm_ && norm_->weight.requires_grad());
}

std::pair<torch::Tensor, torch::Tensor> ConvNorm::Fold() const {
  if (!norm_) return {conv_->weight, conv_->bias};
  const auto [scale, shift] = norm_->ScaleAndShift();
  const auto bias = conv_->bias.defined() ? conv_->bias * scale + shift : shift;
  return {conv_->weight * scale.view({-1, 1, 1, 1}), bias};
}

torch::Tensor ConvNorm::Convolve(const torch::Tensor& x, const torch::Tensor& weight,
                                 const torch::Tensor& bias) const {
  if (WinogradTakes(x, weight, stride())) return WinogradConv(x, weight, bias);
  const int64_t groups = conv_->options.groups();
  const auto type = x.scalar_type();
  return torch::conv2d(x, weight.to(type), bias.defined() ? bias.to(type) : bias, stride(), padding(),
                       /*dilation=*/1, groups);
}

torch::Tensor ConvNorm::Predict(const torch::Tensor& x, Activation activation,
                                const torch::Tensor& residual) const {
  WeightVersion version({conv_->weight, conv_->bias});
  if (norm_) version.Add({norm_->weight, norm_->bias, norm_->running_mean, norm_->running_var});
  if (prepared_.version != version || prepared_.activation != activation ||
      prepared_.type != x.scalar_type()) {
    prepared_ = PreparedConv{{}, {}, activation, x.scalar_type(), version};
  }
  const bool winograd = WinogradTakes(x, conv_->weight, stride());
  torch::NoGradGuard no_grad;
  if (winograd && !prepared_.winograd) {
    const auto [weight, bias] = Fold();
    prepared_.winograd = std::make_shared<PreparedWinograd>(weight, bias, activation);
  }
  if (winograd) return prepared_.winograd->Forward(x, residual);
  if (!prepared_.conv) {
    const auto [weight, bias] = Fold();
    prepared_.conv = std::make_shared<OneDnnConv>(weight, bias, stride(), padding(), conv_->options.groups(),
                                                  activation, x.scalar_type());
  }
  return prepared_.conv->Forward(x, residual);
}

bool IsFrozen(const torch::nn::Module& module) {
  for (const auto& part : module.modules(/*include_self=*/false)) {
    if (!IsFrozen(*part)) return false;
  }
  const auto* norm = dynamic_cast<const BatchNorm*>(&module);
  if (norm != nullptr && !norm->frozen()) return false;
  for (const auto& parameter : module.parameters(/*recurse=*/false)) {
    if (parameter.requires_grad()) return false;
  }
  return true;
}

ConvNorm MakeConvNorm(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride,
                      int64_t groups) {
  torch::nn::Conv2d conv(
      ConvOptions(in_channels, out_channels, kernel_size).stride(stride).groups(groups).bias(false));
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
  return ConvNorm(conv, std::make_shared<BatchNorm>(out_channels));
}

ConvNorm MakeConv(int64_t in_channels, int64_t out_channels, int64_t kernel_size) {
  return ConvNorm(torch::nn::Conv2d(ConvOptions(in_channels, out_channels, kernel_size)), nullptr);
}

}  // namespace loupe::detection
