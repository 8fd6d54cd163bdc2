// The processes that train one model together, each on its share of every batch.
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

// One of the processes, a rank, as the others see it. They reach each other over the loopback interface
// (Gloo).
//
// All ranks make the same calls in the same order, from one thread at a time. Each call waits for the others.
// Errors: c10::Error when another rank is gone; lost() says so from then on.
class ProcessGroup : public detection::AllReduce {
 public:
  // Waits until all `size` ranks, 0 and up, have joined. `meeting_file`: a path in a folder that all can
  // write to; the file is not there before. Errors: UNAVAILABLE when they don't find each other.
  static absl::StatusOr<c10::intrusive_ptr<ProcessGroup>> Join(const std::filesystem::path& meeting_file,
                                                               int rank, int size);
  ~ProcessGroup() override;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool lost() const { return lost_; }

  void AllReduceSum(torch::Tensor& values) override;
  // Of all ranks' sizes the largest height and the largest width.
  detection::ImageSize AllReduceMax(detection::ImageSize size);
  // Replaces the gradients of parameters, the same on all ranks, by their sums.
  void AllReduceGradients(const std::vector<torch::Tensor>& parameters);

 private:
  class Backend;
  ProcessGroup(std::unique_ptr<Backend> backend, int rank, int size);
  friend class c10::intrusive_ptr<ProcessGroup>;

  std::unique_ptr<Backend> backend_;
  int rank_;
  int size_;
  bool lost_ = false;
};

// The losses as means over the samples of all ranks, in the order of detection::Losses. `losses` become this
// rank's part of them: the gradients of the parts add up to those of the whole batch. group: null, where one
// process has it all.
std::array<double, 4> LossesOfWholeBatch(ProcessGroup* group, detection::Losses& losses);

}  // namespace loupe
