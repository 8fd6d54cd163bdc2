// Training by two ranks against training by one process. The ranks are threads here, each with a model of its
// own; they reach each other as processes do.
#include "worker/training/process_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <thread>

#include "tests/support/strict_device.h"
#include "tests/worker/training/training_world.h"
#include "worker/detection/batch_norm.h"
#include "worker/detection/faster_rcnn.h"

namespace loupe {
namespace {

constexpr int kRanks = 2;
constexpr double kTolerance = 1e-5;
constexpr double kLiveNormTolerance = 1e-4;  // rounding passes through every statistic
constexpr double kLossTolerance = 1e-4;

// Runs `work` for each rank, with the group that it is in.
void OnRanks(const std::function<void(const c10::intrusive_ptr<ProcessGroup>&)>& work) {
  const std::filesystem::path meeting =
      std::filesystem::path(testing::TempDir()) / "process_group_test_meeting";
  std::filesystem::remove(meeting);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < kRanks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto group = ProcessGroup::Join(meeting, rank, kRanks);
      ASSERT_TRUE(group.ok()) << group.status();
      work(*group);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

double RelativeDistance(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).norm() / b.norm().clamp_min(1e-12)).item<double>();
}

std::map<std::string, torch::Tensor> Gradients(const Trainer& trainer) {
  std::map<std::string, torch::Tensor> gradients;
  for (const auto& item : trainer.model()->named_parameters()) {
    if (item.value().requires_grad()) gradients[item.key()] = item.value().grad();
  }
  return gradients;
}

// Pictures of two sizes, so that a rank alone would pad its images to less than the batch.
TrainingSet SquaresOfTwoSizes() {
  TrainingSet set = Squares(7);
  for (size_t i = 0; i < set.images.size(); i += 3) {
    set.images[i].load = [load = set.images[i].load] {
      return absl::StatusOr<torch::Tensor>(torch::constant_pad_nd(*load(), {0, 40}));
    };
  }
  return set;
}

// Three images a batch, which two ranks can't share evenly; more anchors and proposals than the losses take.
v1::Recipe ThreeABatch(uint32_t iterations) {
  v1::Recipe recipe = SmallRecipe(iterations, "optimizer: SGD clip_norm: 0");
  recipe.mutable_training()->set_batch_size(3);
  return recipe;
}

struct Outcome {
  std::map<std::string, torch::Tensor> gradients;  // of the last step
  std::map<std::string, torch::Tensor> weights;
  double final_loss = 0;
};

Outcome TrainOn(Trainer& trainer, const c10::intrusive_ptr<ProcessGroup>& group) {
  const absl::Status trained = trainer.Run(Ignore(), group);
  EXPECT_TRUE(trained.ok()) << trained;
  return {Gradients(trainer), Weights(trainer), trainer.final_loss()};
}

enum class Norms { kFrozen, kLive };

void ExpectTheOutcomeOfOneProcess(const v1::Recipe& recipe, Norms norms, double tolerance) {
  const SafetensorsFile backbone = SomeBackbone();
  const SafetensorsFile* init = norms == Norms::kFrozen ? &backbone : nullptr;  // loaded batch norm is frozen
  const Outcome whole = TrainOn(**Trainer::Create(recipe, SquaresOfTwoSizes(), init), {});
  std::vector<Outcome> shares(kRanks);
  // Made before the threads are there: initial weights come from a generator that all would share.
  std::vector<std::unique_ptr<Trainer>> trainers;
  for (int rank = 0; rank < kRanks; ++rank) {
    trainers.push_back(*Trainer::Create(recipe, SquaresOfTwoSizes(), init));
  }
  OnRanks([&](const c10::intrusive_ptr<ProcessGroup>& group) {
    const auto rank = static_cast<size_t>(group->rank());
    shares[rank] = TrainOn(*trainers[rank], group);
  });
  EXPECT_NEAR(shares[0].final_loss, whole.final_loss, kLossTolerance * whole.final_loss);
  for (const auto& [name, gradient] : whole.gradients) {
    EXPECT_LE(RelativeDistance(shares[0].gradients.at(name), gradient), tolerance) << name;
  }
  for (const auto& [name, tensor] : whole.weights) {
    EXPECT_LE(RelativeDistance(shares[0].weights.at(name), tensor), tolerance) << name;
    EXPECT_TRUE(torch::equal(shares[0].weights.at(name), shares[1].weights.at(name))) << name;
  }
}

TEST(TwoRanksTest, GradientsAreThoseOfOneProcess) {
  ExpectTheOutcomeOfOneProcess(ThreeABatch(1), Norms::kFrozen, kTolerance);
}

TEST(TwoRanksTest, WeightsAfterThreeStepsAreThoseOfOneProcess) {
  ExpectTheOutcomeOfOneProcess(ThreeABatch(3), Norms::kFrozen, kTolerance);
}

TEST(TwoRanksTest, LiveNormsUseTheStatisticsOfTheWholeBatch) {
  ExpectTheOutcomeOfOneProcess(ThreeABatch(1), Norms::kLive, kLiveNormTolerance);
}

TEST(ProcessGroupTest, ARankThatEndsEndsTheOthers) {
  std::vector<std::unique_ptr<Trainer>> trainers;
  for (int rank = 0; rank < kRanks; ++rank) {
    trainers.push_back(*Trainer::Create(SmallRecipe(50), Squares(5), nullptr));
  }
  std::vector<absl::Status> ended(kRanks);
  OnRanks([&](const c10::intrusive_ptr<ProcessGroup>& group) {
    TrainingCallbacks callbacks = Ignore();
    callbacks.on_step = [&](const TrainingProgress& progress) {
      return group->rank() == 1 && progress.iteration == 2 ? absl::DataLossError("enough") : absl::OkStatus();
    };
    std::unique_ptr<Trainer> trainer = std::move(trainers[static_cast<size_t>(group->rank())]);
    ended[static_cast<size_t>(group->rank())] = trainer->Run(callbacks, group);
  });
  EXPECT_EQ(ended[1].code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ended[0].code(), absl::StatusCode::kAborted);
  EXPECT_THAT(ended[0].message(), testing::HasSubstr("another process of the training is gone"));
}

// LibTorch's own batch norm over the whole batch, in float64, is the reference, with many values far from
// zero.
TEST(NormaliseBatchTest, IsBatchNormOverAllRanks) {
  torch::manual_seed(7);
  const auto channels_last = torch::MemoryFormat::ChannelsLast;
  const torch::Tensor x = (torch::randn({5, 6, 90, 70}) * 3 + 50).contiguous(channels_last);
  const torch::Tensor y_gradient = torch::randn({5, 6, 90, 70}).contiguous(channels_last);
  const torch::Tensor weight = torch::rand({6}) + 0.5, bias = torch::randn({6});
  struct Result {
    torch::Tensor y, x_gradient, weight_gradient, bias_gradient, running_mean, running_var;
  };
  const auto run = [&](int64_t begin, int64_t end, torch::TensorOptions options, const auto& normalise) {
    const auto leaf = [&](const torch::Tensor& from) {
      return from.to(options, /*non_blocking=*/false, /*copy=*/true).set_requires_grad(true);
    };
    const torch::Tensor part = leaf(x.slice(0, begin, end)), w = leaf(weight), b = leaf(bias);
    Result result;
    result.running_mean = torch::zeros({6}, options);
    result.running_var = torch::ones({6}, options);
    result.y = normalise(part, w, b, result);
    result.y.backward(y_gradient.slice(0, begin, end).to(options));
    result.x_gradient = part.grad();
    result.weight_gradient = w.grad();
    result.bias_gradient = b.grad();
    return result;
  };
  const Result expected =
      run(0, 5, torch::kFloat64, [](const auto& part, const auto& w, const auto& b, Result& result) {
        return torch::batch_norm(part, w, b, result.running_mean, result.running_var, true, 0.1, 1e-5, true);
      });
  const auto ours = [&](int64_t begin, int64_t end, const c10::intrusive_ptr<ProcessGroup>& group,
                        torch::Device device = torch::kCPU) {
    return run(begin, end, torch::dtype(torch::kFloat32).device(device),
               [&](const auto& part, const auto& w, const auto& b, Result& result) {
                 return detection::NormaliseBatch(part, w, b, result.running_mean, result.running_var, 0.1,
                                                  1e-5, group);
               });
  };
  std::vector<Result> parts(kRanks);
  OnRanks([&](const c10::intrusive_ptr<ProcessGroup>& group) {
    parts[static_cast<size_t>(group->rank())] = group->rank() == 0 ? ours(0, 2, group) : ours(2, 5, group);
  });
  const auto expect_expected = [&](const std::vector<Result>& results, double tolerance) {
    const auto all = [&](torch::Tensor Result::*tensor) {
      std::vector<torch::Tensor> tensors;
      for (const Result& result : results) tensors.push_back((result.*tensor).cpu());
      return tensors;
    };
    const auto sum = [&](torch::Tensor Result::*tensor) { return torch::stack(all(tensor)).sum(0); };
    EXPECT_LE(RelativeDistance(torch::cat(all(&Result::y)), expected.y), tolerance);
    EXPECT_LE(RelativeDistance(torch::cat(all(&Result::x_gradient)), expected.x_gradient), tolerance);
    EXPECT_LE(RelativeDistance(sum(&Result::weight_gradient), expected.weight_gradient), tolerance);
    EXPECT_LE(RelativeDistance(sum(&Result::bias_gradient), expected.bias_gradient), tolerance);
    for (const Result& result : results) {
      EXPECT_LE(RelativeDistance(result.running_mean.cpu(), expected.running_mean), tolerance);
      EXPECT_LE(RelativeDistance(result.running_var.cpu(), expected.running_var), tolerance);
    }
  };
  expect_expected({ours(0, 5, {})}, 1e-6);
  expect_expected({ours(0, 5, {}, StrictDevice())}, 1e-5);  // where there is no kernel
  expect_expected(parts, 1e-6);
}

}  // namespace
}  // namespace loupe
