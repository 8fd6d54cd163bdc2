#include "worker/detection/conv_norm.h"

#include <torch/torch.h>

#include <utility>

namespace loupe::detection {
namespace {

constexpr double kRunningMomentum = 0.1;

torch::nn::Conv2dOptions ConvOptions(int64_t in_channels, int64_t out_channels, int64_t kernel_size) {
  return torch::nn::Conv2dOptions(in_channels, out_channels, kernel_size).padding((kernel_size - 1) / 2);
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
  return torch::batch_norm(x, weight, bias, running_mean, running_var, /*training=*/true, kRunningMomentum,
                           kEpsilon, /*cudnn_enabled=*/true);
}

std::pair<torch::Tensor, torch::Tensor> BatchNorm::ScaleAndShift() const {
  const auto scale = weight * (running_var + kEpsilon).rsqrt();
  return {scale, bias - running_mean * scale};
}

torch::Tensor ToBlocked(const torch::Tensor& x) {
  const bool possible = !torch::GradMode::is_enabled() && x.is_cpu() && x.scalar_type() == torch::kFloat32 &&
                        at::globalContext().hasMKLDNN() && at::globalContext().userEnabledMkldnn();
  return possible && !x.is_mkldnn() ? x.to_mkldnn() : x;
}

torch::Tensor ToDense(const torch::Tensor& x) { return x.is_mkldnn() ? x.to_dense() : x; }

ConvNorm::ConvNorm(torch::nn::Conv2d conv, std::shared_ptr<BatchNorm> norm)
    : conv_(std::move(conv)), norm_(std::move(norm)) {
  // Activations are channels-last; weights in the same order need no reordering.
  conv_->weight.set_data(conv_->weight.detach().contiguous(torch::MemoryFormat::ChannelsLast));
}

torch::Tensor ConvNorm::Forward(const torch::Tensor& x, Activation activation,
                                const torch::Tensor& residual) const {
  const auto& options = conv_->options;
  const auto stride = *options.stride();
  const auto padding = c10::get<torch::ExpandingArray<2>>(options.padding());
  torch::Tensor y;
  if (norm_ && norm_->uses_batch_statistics()) {
    y = norm_->NormaliseBatch(torch::conv2d(x, conv_->weight, {}, stride, *padding));
  } else if (NeedsGradient()) {
    const auto [weight, bias] = Fold();
    y = torch::conv2d(x, weight, bias, stride, *padding);
  } else {
    RefreshFold();
    y = torch::conv2d(x, x.is_mkldnn() ? BlockedWeight() : folded_.weight, folded_.bias, stride, *padding);
  }
  if (residual.defined()) y.add_(residual);
  return activation == Activation::kRelu ? y.relu_() : y;
}

void ConvNorm::StopTraining() {
  conv_->weight.set_requires_grad(false);
  if (conv_->bias.defined()) conv_->bias.set_requires_grad(false);
  if (!norm_) return;
  norm_->weight.set_requires_grad(false);
  norm_->bias.set_requires_grad(false);
}

bool ConvNorm::NeedsGradient() const {
  if (!torch::GradMode::is_enabled()) return false;
  return conv_->weight.requires_grad() || (norm_ && norm_->weight.requires_grad());
}

int64_t ConvNorm::Version() const {
  int64_t version = conv_->weight._version();
  if (conv_->bias.defined()) version += conv_->bias._version();
  if (norm_) {
    version += norm_->weight._version() + norm_->bias._version() + norm_->running_mean._version() +
               norm_->running_var._version();
  }
  return version;
}

std::pair<torch::Tensor, torch::Tensor> ConvNorm::Fold() const {
  if (!norm_) return {conv_->weight, conv_->bias};
  const auto [scale, shift] = norm_->ScaleAndShift();
  const auto bias = conv_->bias.defined() ? conv_->bias * scale + shift : shift;
  return {conv_->weight * scale.view({-1, 1, 1, 1}), bias};
}

void ConvNorm::RefreshFold() const {
  const int64_t version = Version();
  if (version == folded_.version && conv_->weight.data_ptr() == folded_.storage) return;
  torch::NoGradGuard no_grad;
  const auto [weight, bias] = Fold();
  folded_ = {weight.detach().contiguous(torch::MemoryFormat::ChannelsLast),
             bias.detach(),
             {},
             version,
             conv_->weight.data_ptr()};
}

const torch::Tensor& ConvNorm::BlockedWeight() const {
  if (!folded_.blocked_weight.defined()) {
    const auto& options = conv_->options;
    const auto padding = c10::get<torch::ExpandingArray<2>>(options.padding());
    folded_.blocked_weight = at::mkldnn_reorder_conv2d_weight(
        folded_.weight.contiguous().to_mkldnn(), *padding, *options.stride(), *options.dilation(), 1);
  }
  return folded_.blocked_weight;
}

ConvNorm MakeConvNorm(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride) {
  torch::nn::Conv2d conv(ConvOptions(in_channels, out_channels, kernel_size).stride(stride).bias(false));
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
  return ConvNorm(conv, std::make_shared<BatchNorm>(out_channels));
}

ConvNorm MakeConv(int64_t in_channels, int64_t out_channels, int64_t kernel_size) {
  return ConvNorm(torch::nn::Conv2d(ConvOptions(in_channels, out_channels, kernel_size)), nullptr);
}

}  // namespace loupe::detection
