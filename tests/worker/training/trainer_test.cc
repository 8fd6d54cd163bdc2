// Training: the schedule, repeatability, resuming to the same bits, and what stops it.
#include "worker/training/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <vector>

#include "tests/worker/training/training_world.h"
#include "worker/detection/weights.h"
#include "worker/prediction/predictor.h"

namespace loupe {
namespace {

using testing::HasSubstr;

std::filesystem::path File(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) / ("trainer_test_" + name);
}

void ExpectSameBits(const std::map<std::string, torch::Tensor>& a,
                    const std::map<std::string, torch::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
}

std::map<std::string, torch::Tensor> SavedWeights(const Trainer& trainer) {
  EXPECT_TRUE(trainer.SaveWeights(File("saved.safetensors")).ok());
  const absl::StatusOr<SafetensorsFile> file = ReadSafetensors(File("saved.safetensors").string());
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? file->tensors : std::map<std::string, torch::Tensor>();
}

TEST(RateFactorTest, RisesThenFalls) {
  v1::TrainingRecipe recipe = SmallRecipe(1000, "warmup_iterations: 100").training();
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 0), 0.001);
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 50), 0.5005);
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 100), 1);
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 699), 1);
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 700), 0.1);
  EXPECT_NEAR(RateFactor(recipe, 999), 0.01, 1e-15);
}

TEST(RateFactorTest, FollowsACosineAfterTheWarmUp) {
  const v1::TrainingRecipe recipe =
      SmallRecipe(1100, "schedule: COSINE warmup_iterations: 100 final_factor: 0.2").training();
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 0), 0.001);
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 50), 0.5005);
  EXPECT_DOUBLE_EQ(RateFactor(recipe, 100), 1);
  // cos(pi / 3) = 1/2 a third of the way, cos(pi / 2) = 0 half of it, cos(3 pi / 4) = -sqrt(1/2).
  EXPECT_NEAR(
      RateFactor(SmallRecipe(700, "schedule: COSINE warmup_iterations: 100 final_factor: 0.2").training(),
                 300),
      0.2 + 0.8 * 0.75, 1e-12);
  EXPECT_NEAR(RateFactor(recipe, 600), 0.6, 1e-12);
  EXPECT_NEAR(RateFactor(recipe, 850), 0.2 + 0.4 * (1 - std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(RateFactor(recipe, 1100), 0.2, 1e-12);
  EXPECT_GT(RateFactor(recipe, 1099), 0.2);
  // A warm-up to the very end leaves no room for a fall.
  EXPECT_NEAR(RateFactor(SmallRecipe(10, "schedule: COSINE warmup_iterations: 10").training(), 9), 0.9001,
              1e-12);
}

class TrainerTest : public testing::TestWithParam<const char*> {};

// Stopped after a checkpoint, written to disk, taken up by another trainer: bit for bit as without.
TEST_P(TrainerTest, ResumedEqualsUninterrupted) {
  const v1::Recipe recipe = SmallRecipe(7, GetParam());
  auto whole = Trainer::Create(recipe, Squares(9), nullptr);
  ASSERT_TRUE(whole.ok()) << whole.status();
  std::vector<double> losses;
  TrainingCallbacks callbacks = Ignore();
  callbacks.on_step = [&](const TrainingProgress& progress) {
    losses.push_back(progress.loss);
    return absl::OkStatus();
  };
  ASSERT_TRUE((*whole)->Run(callbacks).ok());

  auto first = Trainer::Create(recipe, Squares(9), nullptr);
  ASSERT_TRUE(first.ok()) << first.status();
  int steps = 0;
  callbacks.on_step = [&](const TrainingProgress& progress) {
    EXPECT_EQ(progress.loss, losses[static_cast<size_t>(steps)]);
    return ++steps == 5 ? absl::AbortedError("killed") : absl::OkStatus();
  };
  callbacks.on_checkpoint = [](const Checkpoint& checkpoint) {
    EXPECT_EQ(checkpoint.iteration, 3);
    return WriteCheckpoint(File("checkpoint"), checkpoint);
  };
  EXPECT_EQ((*first)->Run(callbacks).code(), absl::StatusCode::kAborted);

  auto second = Trainer::Create(recipe, Squares(9), nullptr);
  ASSERT_TRUE(second.ok()) << second.status();
  const absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(File("checkpoint"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  ASSERT_TRUE((*second)->Resume(*checkpoint).ok());
  std::vector<double> late_losses;
  callbacks = Ignore();
  callbacks.on_step = [&](const TrainingProgress& progress) {
    EXPECT_EQ(progress.resumed_from, 3);
    late_losses.push_back(progress.loss);
    return absl::OkStatus();
  };
  ASSERT_TRUE((*second)->Run(callbacks).ok());
  EXPECT_THAT(late_losses, testing::ElementsAreArray(losses.begin() + 3, losses.end()));
  ExpectSameBits(Weights(**second), Weights(**whole));
  ExpectSameBits(SavedWeights(**second), SavedWeights(**whole));
  EXPECT_EQ((*second)->final_loss(), (*whole)->final_loss());
}

constexpr char kEverything[] =
    "schedule: COSINE ema_decay: 0.9 accumulation_steps: 2 scale_min: 0.5 scale_max: 2 crop_chance: 0.5 "
    "colour_jitter: 0.3 hue_jitter: 0.1 repeat_threshold: 0.9 validation_share: 0.3 validation_interval: 2";
INSTANTIATE_TEST_SUITE_P(Recipes, TrainerTest,
                         testing::Values("optimizer: ADAMW", "optimizer: SGD", "ema_decay: 0.9",
                                         kEverything));

TEST(TrainerTest, AnotherSeedGivesOtherWeights) {
  v1::Recipe recipe = SmallRecipe(1);
  auto a = Trainer::Create(recipe, Squares(4), nullptr);
  recipe.set_seed(6);
  auto b = Trainer::Create(recipe, Squares(4), nullptr);
  ASSERT_TRUE(a.ok() && b.ok());
  const std::string name = "backbone.body.conv1.weight";
  EXPECT_FALSE(torch::equal(Weights(**a).at(name), Weights(**b).at(name)));
}

TEST(TrainerTest, TheLossFalls) {
  auto trainer = Trainer::Create(SmallRecipe(40), Squares(12), nullptr);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  double first_loss = 0;
  TrainingCallbacks callbacks = Ignore();
  callbacks.on_step = [&](const TrainingProgress& progress) {
    if (progress.iteration == 1) first_loss = progress.loss;
    EXPECT_NEAR(progress.loss,
                progress.loss_classifier + progress.loss_box_reg + progress.loss_objectness +
                    progress.loss_rpn_box_reg,
                1e-4);
    return absl::OkStatus();
  };
  ASSERT_TRUE((*trainer)->Run(callbacks).ok());
  EXPECT_LT((*trainer)->final_loss(), 0.5 * first_loss);
}

TEST(TrainerTest, RefusesACheckpointOfAnotherTraining) {
  auto trainer = Trainer::Create(SmallRecipe(7), Squares(9), nullptr);
  auto other = Trainer::Create(SmallRecipe(7), Squares(8), nullptr);
  ASSERT_TRUE(trainer.ok() && other.ok());
  EXPECT_THAT((*other)->Resume((*trainer)->MakeCheckpoint()).message(),
              HasSubstr("another recipe, classes or images"));
}

TEST(TrainerTest, RefusesSetsThatTeachNothing) {
  TrainingSet clean = Squares(2);
  for (TrainingImage& image : clean.images) image.target = TargetOf({});
  EXPECT_THAT(Trainer::Create(SmallRecipe(1), clean, nullptr).status().message(), HasSubstr("has a box"));
  EXPECT_THAT(Trainer::Create(SmallRecipe(1), Squares(0), nullptr).status().message(),
              HasSubstr("no images"));
}

TEST(TrainerTest, StopsWhereTheLossIsNoNumber) {
  TrainingSet set = Squares(2);
  set.images[1].load = []() -> absl::StatusOr<torch::Tensor> {
    return torch::full({3, 64, 64}, std::numeric_limits<float>::quiet_NaN());
  };
  auto trainer = Trainer::Create(SmallRecipe(5), set, nullptr);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->Run(Ignore());
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), testing::AllOf(HasSubstr("iteration 1"), HasSubstr("square_1")));
}

// The pictures break after the checkpoint of iteration 3: what was learned until then is not lost.
TEST(TrainerTest, ALossThatIsNoNumberLeavesTheLastCheckpoint) {
  TrainingSet set = Squares(4);
  const auto loads = std::make_shared<int>(0);
  for (TrainingImage& image : set.images) {
    image.load = [load = image.load, loads]() -> absl::StatusOr<torch::Tensor> {
      absl::StatusOr<torch::Tensor> picture = load();
      if (++*loads > 3 * 2) picture->fill_(std::numeric_limits<float>::quiet_NaN());
      return picture;
    };
  }
  auto trainer = Trainer::Create(SmallRecipe(6), set, nullptr);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  TrainingCallbacks callbacks = Ignore();
  std::map<std::string, torch::Tensor> good;
  callbacks.on_checkpoint = [&](const Checkpoint& checkpoint) {
    good = Weights(**trainer);
    return WriteCheckpoint(File("last_good"), checkpoint);
  };
  const absl::Status status = (*trainer)->Run(callbacks);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), testing::AllOf(HasSubstr("iteration 4"), HasSubstr("square_")));
  const absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(File("last_good"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  auto again = Trainer::Create(SmallRecipe(6), Squares(4), nullptr);
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_TRUE((*again)->Resume(*checkpoint).ok());
  EXPECT_EQ((*again)->resumed_from(), 3);
  ExpectSameBits(Weights(**again), good);
  EXPECT_TRUE((*again)->Run(Ignore()).ok());
}

// Of the images of a step, those of the batch that broke are named.
TEST(TrainerTest, TheBrokenBatchOfAStepIsNamed) {
  TrainingSet set = Squares(4);
  set.images[2].load = []() -> absl::StatusOr<torch::Tensor> {
    return torch::full({3, 64, 64}, std::numeric_limits<float>::quiet_NaN());
  };
  auto trainer = Trainer::Create(SmallRecipe(2, "accumulation_steps: 2"), set, nullptr);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->Run(Ignore());
  EXPECT_THAT(status.message(), testing::AllOf(HasSubstr("iteration 1"), HasSubstr("square_2")));
  EXPECT_EQ(std::count(status.message().begin(), status.message().end(), '_'), 2) << status.message();
}

// All images alike but for where their square is, and batch norm frozen: two batches of 2 take the step of
// one of 4.
TEST(TrainerTest, AccumulatedBatchesTakeTheStepOfALargeOne) {
  auto source = Trainer::Create(SmallRecipe(1), Squares(4), nullptr);
  ASSERT_TRUE(source.ok());
  const SafetensorsFile init = {Weights(**source), {}};
  const std::string plain =
      "optimizer: SGD learning_rate: 0.1 momentum: 0 weight_decay: 0 warmup_iterations: 0 clip_norm: 0"
      " flip_horizontal: 0 flip_vertical: 0 backbone_rate_factor: 1";
  std::vector<double> losses;
  std::vector<std::map<std::string, torch::Tensor>> weights;
  for (const uint32_t batches : {1, 2}) {
    v1::Recipe recipe = SmallRecipe(1, plain);
    recipe.mutable_training()->set_batch_size(4 / batches);
    recipe.mutable_training()->set_accumulation_steps(batches);
    auto trainer = Trainer::Create(recipe, Squares(4), &init);
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    TrainingCallbacks callbacks = Ignore();
    callbacks.on_step = [&](const TrainingProgress& progress) {
      losses.push_back(progress.loss);
      return absl::OkStatus();
    };
    ASSERT_TRUE((*trainer)->Run(callbacks).ok());
    weights.push_back(Weights(**trainer));
  }
  // What is sampled differs, since the batches seed it: about is as close as it gets.
  EXPECT_NEAR(losses[0], losses[1], 0.1 * losses[0]);
  torch::Tensor large = torch::zeros({0}), accumulated = large;
  for (const auto& [name, tensor] : weights[0]) {
    large = torch::cat({large, (tensor - init.tensors.at(name)).flatten()});
    accumulated = torch::cat({accumulated, (weights[1].at(name) - init.tensors.at(name)).flatten()});
  }
  const double norm = large.norm().item<double>();
  EXPECT_GT(norm, 0);
  EXPECT_NEAR(accumulated.norm().item<double>() / norm, 1, 0.1);
  EXPECT_GT((large * accumulated).sum().item<double>() / (norm * accumulated.norm().item<double>()), 0.95);
}

// The average follows the weights as its definition says, and it is what is saved.
TEST(TrainerTest, TheAverageIsSaved) {
  auto trainer = Trainer::Create(SmallRecipe(4, "ema_decay: 0.3"), Squares(4), nullptr);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  std::map<std::string, torch::Tensor> expected = Weights(**trainer);
  TrainingCallbacks callbacks = Ignore();
  callbacks.on_step = [&](const TrainingProgress& progress) {
    // 2/11 and 3/12 while the decay warms up, then 0.3 (4/13 would be more).
    const double kept = progress.iteration == 1 ? 2.0 / 11 : progress.iteration == 2 ? 0.25 : 0.3;
    for (auto& [name, tensor] : expected) tensor = kept * tensor + (1 - kept) * Weights(**trainer).at(name);
    return absl::OkStatus();
  };
  ASSERT_TRUE((*trainer)->Run(callbacks).ok());
  const std::map<std::string, torch::Tensor> saved = SavedWeights(**trainer);
  ASSERT_EQ(saved.size(), expected.size());
  for (const auto& [name, tensor] : saved) {
    EXPECT_TRUE(torch::allclose(tensor, expected.at(name), 1e-5, 1e-6)) << name;
  }
  const std::string statistics = "backbone.body.bn1.running_mean";
  EXPECT_FALSE(torch::equal(saved.at(statistics), Weights(**trainer).at(statistics)));
}

// Measuring is looking: neither weights nor losses know of it.
TEST(TrainerTest, MeasuringChangesNothing) {
  std::vector<std::vector<double>> losses(2);
  std::vector<std::map<std::string, torch::Tensor>> weights;
  for (const bool measures : {false, true}) {
    TrainingSet set = Squares(6);
    if (measures) set.validation = Squares(3).images;
    auto trainer = Trainer::Create(SmallRecipe(5, "validation_interval: 2"), set, nullptr);
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    TrainingCallbacks callbacks = Ignore();
    std::vector<int64_t> measured_at;
    callbacks.on_step = [&](const TrainingProgress& progress) {
      losses[measures].push_back(progress.loss);
      measured_at.push_back(progress.measurement.has_value() ? progress.measurement->iteration : 0);
      return absl::OkStatus();
    };
    ASSERT_TRUE((*trainer)->Run(callbacks).ok());
    EXPECT_THAT(measured_at,
                measures ? testing::ElementsAre(0, 2, 2, 4, 5) : testing::ElementsAre(0, 0, 0, 0, 0));
    weights.push_back(Weights(**trainer));
  }
  EXPECT_EQ(losses[0], losses[1]);
  ExpectSameBits(weights[0], weights[1]);
}

TEST(TrainerTest, WhatIsHeldOutIsNotTrainedOn) {
  TrainingSet set = Squares(20);
  auto seen = std::make_shared<std::set<std::string>>();
  for (TrainingImage& image : set.images) {
    image.load = [seen, name = image.name, load = image.load] {
      seen->insert(name);
      return load();
    };
  }
  auto trainer =
      Trainer::Create(SmallRecipe(30, "validation_share: 0.3 validation_interval: 1000"), set, nullptr);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  std::set<std::string> trained;
  TrainingCallbacks callbacks = Ignore();
  callbacks.on_step = [&](const TrainingProgress& progress) {
    if (progress.iteration == 29) trained = *seen;
    return absl::OkStatus();
  };
  ASSERT_TRUE((*trainer)->Run(callbacks).ok());
  // 58 pictures are some three epochs of 14; the rest was only loaded to be measured at the end.
  EXPECT_LT(trained.size(), 20);
  EXPECT_GT(trained.size(), 8);
  EXPECT_EQ(seen->size(), 20);
  EXPECT_TRUE((*trainer)->measurement().has_value());
}

TEST(TrainerTest, AnImageThatCannotBeReadIsNamed) {
  TrainingSet set = Squares(2);
  set.images[1].load = []() -> absl::StatusOr<torch::Tensor> {
    return absl::InvalidArgumentError("b.jpg is empty");
  };
  auto trainer = Trainer::Create(SmallRecipe(5), set, nullptr);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_THAT((*trainer)->Run(Ignore()).message(), HasSubstr("b.jpg is empty"));
}

// Pretrained parts of the backbone learn slowly, and their batch norm stays as it is.
TEST(TrainerTest, InitialWeightsAreTakenAndTheirNormsFrozen) {
  auto source = Trainer::Create(SmallRecipe(1), Squares(4), nullptr);
  ASSERT_TRUE(source.ok());
  SafetensorsFile init;
  for (const auto& [name, tensor] : Weights(**source)) {
    if (name.rfind("backbone.body.", 0) == 0)
      init.tensors[name.substr(sizeof("backbone.body.") - 1)] = tensor;
  }
  v1::Recipe recipe = SmallRecipe(4, "backbone_rate_factor: 0");
  recipe.set_seed(99);
  auto trainer = Trainer::Create(recipe, Squares(4), &init);
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  EXPECT_THAT((*trainer)->init_summary(), HasSubstr("taken"));
  ASSERT_TRUE((*trainer)->Run(Ignore()).ok());
  for (const auto& [name, tensor] : Weights(**trainer)) {
    if (name.rfind("backbone.body.", 0) != 0) continue;
    EXPECT_TRUE(torch::equal(tensor, Weights(**source).at(name))) << name;
  }
  EXPECT_FALSE(detection::FrozenNorms(*(*trainer)->model()).empty());
}

// A chance that never comes true stands in for augmentation: then everything is computed anew in each step.
TEST(TrainerTest, FrozenLayersAreComputedOnceToTheSameBits) {
  auto source = Trainer::Create(SmallRecipe(1), Squares(4), nullptr);
  ASSERT_TRUE(source.ok());
  SafetensorsFile init = {Weights(**source), {}};
  const auto train = [&](const std::string& flips, int& loads) {
    v1::Recipe recipe = SmallRecipe(30, flips);
    recipe.mutable_detector()->set_trainable_layers(2);
    TrainingSet set = Squares(4);
    for (TrainingImage& image : set.images) {
      image.load = [&loads, load = image.load] {
        ++loads;
        return load();
      };
    }
    auto trainer = Trainer::Create(recipe, std::move(set), &init);
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    EXPECT_TRUE((*trainer)->Run(Ignore()).ok());
    return Weights(**trainer);
  };
  int loads = 0, loads_for_each_step = 0;
  const auto kept = train("flip_horizontal: 0 flip_vertical: 0", loads);
  const auto anew = train("flip_horizontal: 1e-300 flip_vertical: 0", loads_for_each_step);
  ExpectSameBits(kept, anew);
  EXPECT_EQ(loads_for_each_step, 60);
  // Two batches hold all images; three more are loaded before these are through the network.
  EXPECT_LE(loads, 10);
}

TEST(PredictorTest, KnowsWhatAFileOfLoupeIs) {
  auto trainer = Trainer::Create(SmallRecipe(1), Squares(4), nullptr);
  ASSERT_TRUE(trainer.ok());
  ASSERT_TRUE((*trainer)->SaveWeights(File("weights.safetensors")).ok());
  const absl::StatusOr<SafetensorsFile> weights = ReadSafetensors(File("weights.safetensors").string());
  ASSERT_TRUE(weights.ok()) << weights.status();
  absl::StatusOr<LoadedDetector> detector = LoadDetector(*weights, {});
  ASSERT_TRUE(detector.ok()) << detector.status();
  absl::StatusOr<Predictor> predictor = Predictor::Create(*std::move(detector), torch::kCPU, "float32");
  ASSERT_TRUE(predictor.ok()) << predictor.status();
  EXPECT_THAT(predictor->class_names(), testing::ElementsAre("square", "bar"));
  const detection::Batch batch = predictor->Prepare(
      {predictor->Resize(torch::rand({3, 50, 70})), predictor->Resize(torch::rand({3, 64, 40}))}, true);
  const auto predictions = predictor->Predict(batch, {.score_threshold = 0.01}, true);
  ASSERT_TRUE(predictions.ok()) << predictions.status();
  ASSERT_EQ(predictions->size(), 2);
  for (const Prediction& prediction : *predictions) {
    EXPECT_EQ(prediction.mirrored->agreement.size(0), prediction.detections.scores.size(0));
  }
  DetectorDescription three;
  three.num_classes = 3;
  EXPECT_THAT(LoadDetector(*weights, three).status().message(), HasSubstr("2 classes, not 3"));
  SafetensorsFile part = *weights;
  part.tensors.erase("rpn.head.cls_logits.weight");
  EXPECT_THAT(LoadDetector(part, {}).status().message(), HasSubstr("rpn.head.cls_logits.weight"));
}

}  // namespace
}  // namespace loupe
