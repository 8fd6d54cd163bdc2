// Batch norm over a batch that is spread over several processes: the statistics are those of the whole.

#ifndef LOUPE_WORKER_DETECTION_SYNCHRONISED_NORM_H_
#define LOUPE_WORKER_DETECTION_SYNCHRONISED_NORM_H_

#include <torch/custom_class.h>
#include <torch/types.h>

namespace loupe::detection {

// Adds up over the ranks (processes) of a training.
class RankSum : public torch::CustomClassHolder {
 public:
  // Replaces `values` by their sum over all ranks. All ranks call it in the same order with the same shapes.
  // Errors: c10::Error when another rank is gone.
  virtual void Sum(torch::Tensor& values) = 0;
};

// Normalises x [N, channels, H, W] with mean and variance over the images of all ranks, and updates the
// running statistics as torch::batch_norm does. The gradients of weight and bias are those of this rank's
// images alone, as of any other parameter. Shapes: weight, bias, running_mean, running_var [channels].
torch::Tensor NormaliseOverRanks(const torch::Tensor& x, const torch::Tensor& weight,
                                 const torch::Tensor& bias, torch::Tensor& running_mean,
                                 torch::Tensor& running_var, double momentum, double epsilon,
                                 const c10::intrusive_ptr<RankSum>& ranks);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_SYNCHRONISED_NORM_H_
