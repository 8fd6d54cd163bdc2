// Batch norm with the statistics of its batch. The batch may be spread over several processes.
//
// On a CPU float32 values are summed in float64. LibTorch 1.13 sums channels-last maps in float32: its means
// are off by a thousandth of a channel's standard deviation, and its results depend on the number of threads.

#ifndef LOUPE_WORKER_DETECTION_BATCH_NORM_H_
#define LOUPE_WORKER_DETECTION_BATCH_NORM_H_

#include <torch/custom_class.h>
#include <torch/types.h>

namespace loupe::detection {

// Sums over the processes that train one model together.
class AllReduce : public torch::CustomClassHolder {
 public:
  // Replaces `values` by their sum over all processes. All processes call it in the same order with the same
  // shapes. Errors: c10::Error when another process is gone.
  virtual void AllReduceSum(torch::Tensor& values) = 0;
};

// Normalises x [N, channels, H, W] with the mean and variance of its images and, unless `group` is null, of
// the images of all other processes. Updates the running statistics as torch::batch_norm does. The gradients
// of weight and bias cover this process's images only, as the gradients of any other parameter do. Returns
// x's type, channels-last. Shapes: weight, bias, running_mean, running_var [channels] float32.
// Source: Ioffe and Szegedy 2015, section 3.
torch::Tensor NormaliseBatch(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                             torch::Tensor& running_mean, torch::Tensor& running_var, double momentum,
                             double epsilon, const c10::intrusive_ptr<AllReduce>& group);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_BATCH_NORM_H_
