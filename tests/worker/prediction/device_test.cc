// Devices and precisions by name, and a training and its predictions off the CPU.
#include "worker/prediction/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include "tests/support/strict_device.h"
#include "tests/worker/training/training_world.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/onednn.h"
#include "worker/prediction/device_name.h"
#include "worker/prediction/predictor.h"

namespace loupe {
namespace {

using testing::HasSubstr;

v1::Recipe RecipeOf(uint32_t iterations, const std::string& more) {
  return SmallRecipe(iterations, "flip_horizontal: 0 flip_vertical: 0 " + more);
}

const char kBfloat16[] = "precision: \"bfloat16\"";

std::unique_ptr<Trainer> Trained(const v1::Recipe& recipe) {
  auto trainer = Trainer::Create(recipe, Squares(1), nullptr);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status ran = (*trainer)->Run(Ignore());
  EXPECT_TRUE(ran.ok()) << ran;
  return *std::move(trainer);
}

Prediction PredictSquare(const std::shared_ptr<detection::FasterRcnn>& model, torch::Device device,
                         const std::string& precision) {
  model->eval();
  absl::StatusOr<Predictor> predictor = Predictor::Create({model, {"square", "bar"}}, device, precision);
  EXPECT_TRUE(predictor.ok()) << predictor.status();
  const auto predictions = predictor->Predict(
      predictor->Prepare({predictor->Resize(*Squares(1).images[0].load())}, /*mirrored=*/true), {},
      /*mirrored=*/true);
  EXPECT_TRUE(predictions.ok()) << predictions.status();
  EXPECT_GT((*predictions)[0].detections.scores.size(0), 0);
  return (*predictions)[0];
}

TEST(ResolveDeviceTest, TakesTheDocumentedSpellingsOnly) {
  for (const char* name : {"auto", "cpu", "cuda:0", "cuda:15"}) EXPECT_TRUE(IsDeviceName(name)) << name;
  for (const char* name : {"", "gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:123", "CPU"}) {
    EXPECT_FALSE(IsDeviceName(name)) << name;
    EXPECT_EQ(ResolveDevice(name, 1).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(*ResolveDevice("cpu", 1), torch::Device(torch::kCPU));
}

TEST(ResolveDeviceTest, SaysThatThereIsNoSuchGpu) {
  const absl::Status status = ResolveDevice("cuda:99", 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("cuda:99"));
  EXPECT_EQ(ResolveDevice("auto", 1)->is_cuda(), torch::cuda::is_available());
}

TEST(ResolveDeviceTest, SeveralProcessesShareACpu) {
  EXPECT_EQ(*ResolveDevice("auto", 2), torch::Device(torch::kCPU));
  EXPECT_EQ(ResolveDevice("cuda:0", 2).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ResolvePrecisionTest, KnowsTwoNames) {
  EXPECT_EQ(*ResolvePrecision("float32", torch::kCPU), torch::kFloat32);
  EXPECT_EQ(ResolvePrecision("int8", torch::kCPU).status().code(), absl::StatusCode::kInvalidArgument);
  const absl::Status status = ResolvePrecision("bfloat16", torch::Device("meta")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("use float32"));
}

// Optimizer, checkpoint and weights of a training that no tensor of the CPU may slip into. Batch norm is
// frozen: the two devices add up live statistics in different orders.
TEST(OffTheCpuTest, TrainsResumesAndSavesAsOnTheCpu) {
  const v1::Recipe recipe =
      RecipeOf(4, "ema_decay: 0.9 accumulation_steps: 2 validation_share: 0.5 validation_interval: 2");
  const SafetensorsFile backbone = SomeBackbone();
  const auto make = [&](torch::Device device) {
    auto trainer = Trainer::Create(recipe, Squares(8), &backbone, device);
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  };
  const auto here = make(torch::kCPU), first = make(StrictDevice()), second = make(StrictDevice());
  ASSERT_TRUE(here->Run(Ignore()).ok());
  TrainingCallbacks callbacks = Ignore();
  callbacks.on_step = [](const TrainingProgress& progress) {
    return progress.iteration == 2 ? absl::AbortedError("killed") : absl::OkStatus();
  };
  const absl::Status stopped = first->Run(callbacks);
  ASSERT_EQ(stopped.code(), absl::StatusCode::kAborted) << stopped;
  const auto file = std::filesystem::path(testing::TempDir()) / "device_test_checkpoint";
  ASSERT_TRUE(WriteCheckpoint(file, first->MakeCheckpoint()).ok());
  const absl::Status resumed = second->Resume(*ReadCheckpoint(file));
  ASSERT_TRUE(resumed.ok()) << resumed;
  const absl::Status ran = second->Run(Ignore());
  ASSERT_TRUE(ran.ok()) << ran;
  EXPECT_EQ(second->model()->parameters()[0].device(), StrictDevice());
  ASSERT_TRUE(here->measurement().has_value() && second->measurement().has_value());
  EXPECT_NEAR(second->measurement()->ap, here->measurement()->ap, 1e-3);
  const auto expected = detection::StateDict(*here->model());
  for (const auto& [name, tensor] : detection::StateDict(*second->model())) {
    ASSERT_TRUE(tensor.is_cpu()) << name;
    EXPECT_LE((tensor - expected.at(name)).abs().max().item<double>(), 1e-3) << name;
  }
  ASSERT_TRUE(
      second->SaveWeights(std::filesystem::path(testing::TempDir()) / "device_test.safetensors").ok());
}

TEST(OffTheCpuTest, PredictionsComeBackToTheCpu) {
  const auto trainer = Trained(RecipeOf(40, ""));
  const Prediction expected = PredictSquare(trainer->model(), torch::kCPU, "float32");
  const Prediction actual = PredictSquare(trainer->model(), StrictDevice(), "float32");
  for (const torch::Tensor& tensor :
       {actual.detections.boxes, actual.detections.labels, actual.detections.scores,
        actual.detections.probabilities, actual.detections.embedding, actual.mirrored->agreement,
        actual.mirrored->partners}) {
    EXPECT_TRUE(tensor.is_cpu());
  }
  EXPECT_LE((actual.detections.boxes[0] - expected.detections.boxes[0]).abs().max().item<double>(), 0.01);
  EXPECT_NEAR(actual.detections.scores[0].item<double>(), expected.detections.scores[0].item<double>(), 1e-4);
}

// Where the processor can't, bfloat16 is refused, which is then what is to be seen.
bool IsRefusedBfloat16() {
  const auto trainer = Trainer::Create(RecipeOf(40, kBfloat16), Squares(1), nullptr);
  EXPECT_EQ(trainer.ok(), detection::OneDnnHasBfloat16()) << trainer.status();
  return absl::IsFailedPrecondition(trainer.status());
}

TEST(Bfloat16Test, ATrainedModelPredictsAsInFloat32) {
  if (IsRefusedBfloat16()) return;
  const auto trainer = Trained(RecipeOf(40, ""));
  const Prediction expected = PredictSquare(trainer->model(), torch::kCPU, "float32");
  const Prediction actual = PredictSquare(trainer->model(), torch::kCPU, "bfloat16");
  EXPECT_GT(expected.detections.scores[0].item<double>(), 0.5) << "the model has learned nothing";
  EXPECT_NE(actual.detections.scores[0].item<double>(), expected.detections.scores[0].item<double>());
  EXPECT_NEAR(actual.detections.scores[0].item<double>(), expected.detections.scores[0].item<double>(), 0.03);
  EXPECT_LE((actual.detections.boxes[0] - expected.detections.boxes[0]).abs().max().item<double>(), 1);
  const auto embeddings = torch::dot(actual.detections.embedding, expected.detections.embedding);
  EXPECT_GT(embeddings.item<double>(), 0.98);
}

TEST(Bfloat16Test, ATrainingLearnsAsInFloat32) {
  if (IsRefusedBfloat16()) return;
  const auto trainer = Trained(RecipeOf(40, kBfloat16));
  EXPECT_LT(trainer->final_loss(), 0.3) << "it starts at above 2";
  const auto box = PredictSquare(trainer->model(), torch::kCPU, "float32").detections.boxes[0];
  EXPECT_LE((box - torch::tensor({4.F, 4.F, 24.F, 24.F})).abs().max().item<double>(), 6);
}

}  // namespace
}  // namespace loupe
