// The processes that train one model together. Each is a rank and computes its share of every batch.
#pragma once

#include <torch/types.h>

#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/detection/batch_norm.h"
#include "worker/detection/types.h"

namespace loupe {

// The group as one rank sees it. The ranks communicate through Gloo over the loopback interface.
//
// All ranks must make the same calls in the same order, from one thread at a time. Each call waits for the
// other ranks. Errors of all calls: c10::Error when another rank is gone; from then on broken() is true.
class ProcessGroup : public detection::AllReduce {
 public:
  // Waits until all ranks, 0 to size - 1, have joined. meeting_file: a path in a folder that all ranks can
  // write to; the file must not exist yet. Errors: UNAVAILABLE when the ranks don't find each other.
  static absl::StatusOr<c10::intrusive_ptr<ProcessGroup>> Join(const std::filesystem::path& meeting_file,
                                                               int rank, int size);
  ~ProcessGroup() override;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool broken() const { return broken_; }

  void AllReduceSum(torch::Tensor& values) override;
  // The largest height and the largest width over all ranks.
  detection::ImageSize AllReduceMax(detection::ImageSize size);
  // Replaces the gradients of `parameters` by their sums over all ranks.
  void AllReduceGradients(const std::vector<torch::Tensor>& parameters);

 private:
  class Backend;
  ProcessGroup(std::unique_ptr<Backend> backend, int rank, int size);
  friend class c10::intrusive_ptr<ProcessGroup>;

  std::unique_ptr<Backend> backend_;
  int rank_;
  int size_;
  bool broken_ = false;
};

// Returns the losses of the whole batch, as means over the samples of all ranks, in the order of
// detection::Losses. Scales `losses` to this rank's part: the gradients of all parts add up to those of the
// whole batch. group: null when one process trains alone.
std::array<double, 4> LossesOfWholeBatch(ProcessGroup* group, detection::Losses& losses);

}  // namespace loupe
