#include "worker/training/process_group.h"

#include <torch/types.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

// Gradients are sent in buckets of about this size. One bucket is summed while the next one is filled.
constexpr int64_t kBucketBytes = 16 << 20;
constexpr char kLoopback[] = "127.0.0.1";

using Work = c10::intrusive_ptr<c10d::Work>;

// Gradients that are sent as one tensor.
struct Bucket {
  std::vector<torch::Tensor> gradients;
  int64_t bytes = 0;
  torch::Tensor flat;
  Work work;
};

std::vector<Bucket> BucketsOf(const std::vector<torch::Tensor>& parameters) {
  std::vector<Bucket> buckets;
  for (const torch::Tensor& parameter : parameters) {
    torch::Tensor& gradient = parameter.mutable_grad();
    if (!gradient.defined()) gradient = torch::zeros_like(parameter);
    if (buckets.empty() || buckets.back().bytes >= kBucketBytes) buckets.emplace_back();
    buckets.back().gradients.push_back(gradient);
    buckets.back().bytes += static_cast<int64_t>(gradient.nbytes());
  }
  return buckets;
}

torch::Tensor Flattened(const std::vector<torch::Tensor>& gradients) {
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& gradient : gradients) parts.push_back(gradient.flatten());
  return torch::cat(parts);
}

void CopyBack(const torch::Tensor& flat, std::vector<torch::Tensor>& gradients) {
  int64_t begin = 0;
  for (torch::Tensor& gradient : gradients) {
    gradient.copy_(flat.slice(0, begin, begin + gradient.numel()).view(gradient.sizes()));
    begin += gradient.numel();
  }
}

// Runs `exchange`. Any exception of Gloo means that a rank is gone.
template <typename Exchange>
void Translated(bool& broken, const Exchange& exchange) {
  try {
    exchange();
  } catch (const std::exception& error) {
    broken = true;
    TORCH_CHECK(false, "another process of the training is gone: ", error.what());
  }
}

}  // namespace

class ProcessGroup::Backend {
 public:
  Backend(const std::filesystem::path& meeting_file, int rank, int size) {
    auto options = c10d::ProcessGroupGloo::Options::create();
    options->devices = {c10d::ProcessGroupGloo::createDeviceForHostname(kLoopback)};
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::FileStore>(meeting_file.string(), size), rank, size, options);
  }

  // Starts to reduce `values` over all ranks, in place.
  Work Begin(torch::Tensor& values, c10d::ReduceOp::RedOpType operation) {
    std::vector<torch::Tensor> tensors = {values};
    c10d::AllreduceOptions options;
    options.reduceOp = operation;
    return group_->allreduce(tensors, options);
  }

 private:
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
};

ProcessGroup::ProcessGroup(std::unique_ptr<Backend> backend, int rank, int size)
    : backend_(std::move(backend)), rank_(rank), size_(size) {}

ProcessGroup::~ProcessGroup() = default;

absl::StatusOr<c10::intrusive_ptr<ProcessGroup>> ProcessGroup::Join(const std::filesystem::path& meeting_file,
                                                                    int rank, int size) {
  try {
    return c10::intrusive_ptr<ProcessGroup>::make(std::make_unique<Backend>(meeting_file, rank, size), rank,
                                                  size);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        absl::StrCat("the processes of the training don't find each other: ", error.what()));
  }
}

void ProcessGroup::AllReduceSum(torch::Tensor& values) {
  Translated(broken_, [&] { backend_->Begin(values, c10d::ReduceOp::SUM)->wait(); });
}

detection::ImageSize ProcessGroup::AllReduceMax(detection::ImageSize size) {
  torch::Tensor sides = torch::tensor({size.height, size.width}, torch::kInt64);
  Translated(broken_, [&] { backend_->Begin(sides, c10d::ReduceOp::MAX)->wait(); });
  return {sides[0].item<int64_t>(), sides[1].item<int64_t>()};
}

void ProcessGroup::AllReduceGradients(const std::vector<torch::Tensor>& parameters) {
  torch::NoGradGuard no_grad;
  std::vector<Bucket> buckets = BucketsOf(parameters);
  Translated(broken_, [&] {
    for (Bucket& bucket : buckets) {
      bucket.flat = Flattened(bucket.gradients);
      bucket.work = backend_->Begin(bucket.flat, c10d::ReduceOp::SUM);
    }
    for (Bucket& bucket : buckets) {
      bucket.work->wait();
      CopyBack(bucket.flat, bucket.gradients);
    }
  });
}

std::array<double, 4> LossesOfWholeBatch(ProcessGroup* group, detection::Losses& losses) {
  const std::array<torch::Tensor*, 4> means = {&losses.loss_classifier, &losses.loss_box_reg,
                                               &losses.loss_objectness, &losses.loss_rpn_box_reg};
  if (group != nullptr) {
    torch::Tensor counts = torch::tensor({losses.proposals, losses.anchors}, torch::kFloat64);
    group->AllReduceSum(counts);
    const double proposals = std::max(1.0, counts[0].item<double>());
    const double anchors = std::max(1.0, counts[1].item<double>());
    for (size_t i = 0; i < means.size(); ++i) {
      *means[i] = *means[i] * (i < 2 ? losses.proposals / proposals : losses.anchors / anchors);
    }
  }
  torch::Tensor sums = torch::empty({4}, torch::kFloat64);
  for (size_t i = 0; i < means.size(); ++i) sums[static_cast<int64_t>(i)] = means[i]->detach();
  if (group != nullptr) group->AllReduceSum(sums);
  std::array<double, 4> values;
  std::copy_n(sums.data_ptr<double>(), values.size(), values.begin());
  return values;
}

}  // namespace loupe
