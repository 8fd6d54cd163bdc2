#include "worker/detection/batch_norm.h"

#include <torch/autograd.h>

#include <algorithm>

#include "worker/detection/kernel.h"
#include "worker/detection/parallel.h"

namespace loupe::detection {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;
constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;
// A sum has one part per this many values, whatever the number of threads, so that the result doesn't depend
// on it.
constexpr int64_t kPartValues = 1 << 14;
constexpr int64_t kMaxParts = 64;

bool HasKernel(const torch::Tensor& x) { return x.is_cpu() && x.scalar_type() == torch::kFloat32; }

LOUPE_CPU_KERNEL
void AddProducts(const float* x, const float* y, int64_t rows, int64_t channels, double* sums,
                 double* products) {
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      sums[c] += x[c];
      products[c] += double{x[c]} * y[c];
    }
  }
}

LOUPE_CPU_KERNEL
void CombineRows(const float* x, const float* x_factors, const float* y, const float* y_factors,
                 const float* offsets, int64_t rows, int64_t channels, float* out) {
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels, out += channels) {
    for (int64_t c = 0; c < channels; ++c) out[c] = x[c] * x_factors[c] + y[c] * y_factors[c] + offsets[c];
  }
}

// Per channel the sum of x and the sum of x * y: [2, channels] float64.
torch::Tensor ChannelSums(const torch::Tensor& x, const torch::Tensor& y) {
  if (!HasKernel(x)) {
    // Multiplies by y minus its mean: in large sums of float32 a small variance would be lost.
    const auto x_values = x.to(torch::kFloat32), y_values = y.to(torch::kFloat32);
    const auto y_mean = y_values.mean({0, 2, 3}, /*keepdim=*/true);
    const auto sum = x_values.sum({0, 2, 3}).to(torch::kFloat64);
    const auto products = (x_values * (y_values - y_mean)).sum({0, 2, 3}).to(torch::kFloat64);
    return torch::stack({sum, products + y_mean.flatten().to(torch::kFloat64) * sum});
  }
  const int64_t channels = x.size(1), rows = x.numel() / channels;
  const int64_t parts = std::clamp<int64_t>(x.numel() / kPartValues, 1, kMaxParts);
  auto sums = torch::zeros({parts, 2, channels}, torch::kFloat64);
  const auto *x_rows = x.data_ptr<float>(), *y_rows = y.data_ptr<float>();
  auto* part_sums = sums.data_ptr<double>();
  ParallelFor(parts, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t first = rows * part / parts, count = rows * (part + 1) / parts - first;
      double* into = part_sums + part * 2 * channels;
      AddProducts(x_rows + first * channels, y_rows + first * channels, count, channels, into,
                  into + channels);
    }
  });
  return sums.sum(0);
}

torch::Tensor PerChannel(const torch::Tensor& values) {
  return values.to(torch::kFloat32).view({1, -1, 1, 1});
}

// x * x_factors + y * y_factors + offsets, with one value of each per channel. Returns the type of x.
torch::Tensor Combine(const torch::Tensor& x, const torch::Tensor& x_factors, const torch::Tensor& y,
                      const torch::Tensor& y_factors, const torch::Tensor& offsets) {
  const auto x_factor = PerChannel(x_factors), y_factor = PerChannel(y_factors), offset = PerChannel(offsets);
  if (!HasKernel(x)) return (x * x_factor + y * y_factor + offset).to(x.scalar_type());
  auto out = torch::empty_like(x);
  const int64_t channels = x.size(1), rows = x.numel() / channels;
  const auto *x_rows = x.data_ptr<float>(), *y_rows = y.data_ptr<float>();
  auto* out_rows = out.data_ptr<float>();
  ParallelFor(rows, std::max<int64_t>(1, kPartValues / channels), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * channels;
    CombineRows(x_rows + first, x_factor.data_ptr<float>(), y_rows + first, y_factor.data_ptr<float>(),
                offset.data_ptr<float>(), end - begin, channels, out_rows + first);
  });
  return out;
}

// Statistics of each channel over all processes, [channels] float64.
struct Statistics {
  torch::Tensor mean;
  torch::Tensor variance;  // divided by `count`
  double count = 0;        // values per channel
};

Statistics StatisticsOver(const torch::Tensor& x, AllReduce* group) {
  auto sums = ChannelSums(x, x);
  auto count = static_cast<double>(x.numel() / x.size(1));
  if (group != nullptr) {
    auto all = torch::cat({sums.flatten(), torch::full({1}, count, sums.options())});
    group->AllReduceSum(all);
    count = all[-1].item<double>();
    sums = all.slice(0, 0, -1).view_as(sums);
  }
  const auto mean = sums[0] / count;
  // In float64 the difference keeps more digits than x has.
  return {mean, (sums[1] / count - mean.square()).clamp_min(0), count};
}

class Normalisation : public torch::autograd::Function<Normalisation> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               const torch::Tensor& bias, const Statistics& statistics, double epsilon,
                               const c10::intrusive_ptr<AllReduce>& group) {
    const auto inverse_deviation = (statistics.variance + epsilon).rsqrt();
    context->save_for_backward({x, weight, statistics.mean, inverse_deviation});
    context->saved_data["count"] = statistics.count;
    if (group) context->saved_data["group"] = c10::IValue::make_capsule(group);
    const auto scale = weight * inverse_deviation;
    return Combine(x, scale, x, torch::zeros_like(scale), bias - statistics.mean * scale);
  }

  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &mean = saved[2], &inverse_deviation = saved[3];
    const auto gradient = gradients[0].contiguous(kChannelsLast);
    // Sums of the gradient, and of the gradient times the normalised x.
    auto sums = ChannelSums(gradient, x);
    sums[1].sub_(mean * sums[0]).mul_(inverse_deviation);
    const auto own_sums = sums.to(weight.scalar_type());
    const auto group = context->saved_data.find("group");
    if (group != context->saved_data.end())
      static_cast<AllReduce&>(*group->second.toCapsule()).AllReduceSum(sums);
    sums.div_(context->saved_data["count"].toDouble());
    // scale * (gradient - sums[0] - normalised x * sums[1]), as factors of gradient and x.
    const auto scale = weight * inverse_deviation;
    const auto x_factor = -scale * inverse_deviation * sums[1];
    const auto x_gradient = Combine(gradient, scale, x, x_factor, -scale * sums[0] - x_factor * mean);
    return {x_gradient, own_sums[1], own_sums[0], {}, {}, {}};
  }
};

}  // namespace

torch::Tensor NormaliseBatch(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                             torch::Tensor& running_mean, torch::Tensor& running_var, double momentum,
                             double epsilon, const c10::intrusive_ptr<AllReduce>& group) {
  const torch::Tensor rows = x.contiguous(kChannelsLast);
  Statistics statistics;
  {
    torch::NoGradGuard no_grad;
    statistics = StatisticsOver(rows, group.get());
    const double unbiased = statistics.count / std::max(1.0, statistics.count - 1);
    running_mean.lerp_(statistics.mean.to(torch::kFloat32), momentum);
    running_var.lerp_((statistics.variance * unbiased).to(torch::kFloat32), momentum);
  }
  return Normalisation::apply(rows, weight, bias, statistics, epsilon, group);
}

}  // namespace loupe::detection
