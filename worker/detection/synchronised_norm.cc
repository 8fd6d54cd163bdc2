#include "worker/detection/synchronised_norm.h"

#include <torch/torch.h>

#include <algorithm>
#include <tuple>

namespace loupe::detection {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

torch::Tensor PerChannel(const torch::Tensor& values) { return values.view({1, -1, 1, 1}); }

// Of all ranks' values of each channel.
struct Statistics {
  torch::Tensor mean;      // [channels]
  torch::Tensor variance;  // [channels], divided by `count`
  double count = 0;        // values a channel
};

Statistics StatisticsOver(const torch::Tensor& x, RankSum& ranks) {
  const int64_t channels = x.size(1);
  const auto own_count = static_cast<double>(x.numel() / channels);
  const auto [own_mean, own_variance] = torch::batch_norm_update_stats(x, {}, {}, /*momentum=*/0);
  const auto mean = own_mean.to(torch::kFloat64), variance = own_variance.to(torch::kFloat64);
  // Moments about zero add up. In float64 the difference of two of them keeps more digits than x has.
  auto sums = torch::cat({mean * own_count, (variance + mean.square()) * own_count,
                          torch::full_like(mean[0], own_count).view(1)});
  ranks.Sum(sums);
  const auto count = sums[-1].item<double>();
  const auto whole_mean = sums.slice(0, 0, channels) / count;
  const auto whole_variance =
      (sums.slice(0, channels, 2 * channels) / count - whole_mean.square()).clamp_min(0);
  return {whole_mean.to(own_mean.scalar_type()), whole_variance.to(own_mean.scalar_type()), count};
}

class Normalisation : public torch::autograd::Function<Normalisation> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, const Statistics& statistics, double epsilon,
                               const c10::intrusive_ptr<RankSum>& ranks) {
    context->save_for_backward({x, weight, statistics.mean, (statistics.variance + epsilon).rsqrt()});
    context->saved_data["count"] = statistics.count;
    context->saved_data["ranks"] = c10::IValue::make_capsule(ranks);
    return torch::batch_norm(x, weight, bias, statistics.mean, statistics.variance, /*training=*/false,
                             /*momentum=*/0, epsilon, /*cudnn_enabled=*/false);
  }

  // Source: Ioffe and Szegedy 2015, section 3, with the sums over all ranks.
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse_deviation = saved[3];
    const double count = context->saved_data["count"].toDouble();
    const auto capsule = context->saved_data["ranks"].toCapsule();
    const auto gradient = gradients[0].contiguous(torch::MemoryFormat::ChannelsLast);
    const auto [unused, weight_gradient, bias_gradient] = torch::native_batch_norm_backward(
        gradient, x, weight, {}, {}, mean, inverse_deviation, /*train=*/true,
        /*eps=*/0, {false, true, true});
    auto sums = torch::cat({weight_gradient, bias_gradient});
    static_cast<RankSum&>(*capsule).Sum(sums);
    const auto mean_products = sums.slice(0, 0, x.size(1)) / count;
    const auto mean_gradients = sums.slice(0, x.size(1)) / count;
    // scale * (gradient - mean_gradients - normalised(x) * mean_products), as factors of gradient and x.
    const auto scale = weight * inverse_deviation;
    const auto x_factor = -scale * inverse_deviation * mean_products;
    const auto offset = -scale * mean_gradients - x_factor * mean;
    const auto x_gradient =
        (gradient * PerChannel(scale)).addcmul_(x, PerChannel(x_factor)).add_(PerChannel(offset));
    return {x_gradient, weight_gradient, bias_gradient, {}, {}, {}};
  }
};

}  // namespace

torch::Tensor NormaliseOverRanks(const torch::Tensor& x, const torch::Tensor& weight,
                                 const torch::Tensor& bias, torch::Tensor& running_mean,
                                 torch::Tensor& running_var, double momentum, double epsilon,
                                 const c10::intrusive_ptr<RankSum>& ranks) {
  Statistics statistics;
  {
    torch::NoGradGuard no_grad;
    statistics = StatisticsOver(x, *ranks);
    const double unbiased = statistics.count / std::max(1.0, statistics.count - 1);
    running_mean.lerp_(statistics.mean, momentum);
    running_var.lerp_(statistics.variance * unbiased, momentum);
  }
  return Normalisation::apply(x, weight, bias, statistics, epsilon, ranks);
}

}  // namespace loupe::detection
