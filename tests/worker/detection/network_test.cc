// The network's parts: transform, batch norm, and the model as a whole where torchvision is no reference.

#include <gtest/gtest.h>
#include <torch/optim/adamw.h>

#include <cmath>

#include "recipe/presets.h"
#include "tests/worker/detection/torchvision.h"
#include "worker/detection/conv_norm.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/transform.h"
#include "worker/detection/weights.h"

namespace loupe::detection {
namespace {

v1::Detector TinyConfig() {
  v1::Detector config = PresetDetector("small").value();
  config.set_min_size(64);
  config.set_max_size(128);
  return config;
}

Target OneBox() { return {torch::tensor({{10.f, 12.f, 40.f, 50.f}}), torch::tensor({1}, torch::kInt64), {}}; }

TEST(TransformTest, IsTorchvisions) {
  const auto golden = WithPrefix(TorchvisionOps(), "transform.");
  v1::Detector config = PresetDetector("resnet50-fpn").value();
  config.set_min_size(96);
  config.set_max_size(160);
  const Batch batch = Transform(config).MakeBatch({golden.at("image.0"), golden.at("image.1")});
  ASSERT_EQ(batch.images.sizes(), golden.at("batch").sizes());
  EXPECT_LE((batch.images - golden.at("batch")).abs().max().item<double>(), 1e-5);
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_EQ(batch.sizes[i].height, golden.at("sizes")[i][0].item<int64_t>());
    EXPECT_EQ(batch.sizes[i].width, golden.at("sizes")[i][1].item<int64_t>());
  }
}

TEST(TransformTest, ResizesAsLibTorchDoes) {
  torch::manual_seed(4);
  v1::Detector config = TinyConfig();
  const auto mean = torch::tensor({config.image_mean(0), config.image_mean(1), config.image_mean(2)});
  const auto std = torch::tensor({config.image_std(0), config.image_std(1), config.image_std(2)});
  for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{
           {64, 64}, {37, 90}, {1, 50}, {200, 3}, {301, 517}, {20, 25}}) {
    const auto bytes = torch::randint(0, 256, {3, height, width}).to(torch::kUInt8);
    const auto levels = bytes.to(torch::kFloat32) / 255;
    const ImageSize size = Transform(config).ResizedSize({height, width});
    const auto expected =
        torch::upsample_bilinear2d(((levels - mean.view({3, 1, 1})) / std.view({3, 1, 1})).unsqueeze(0),
                                   {size.height, size.width}, false);
    for (const torch::Tensor& picture :
         {bytes, levels, levels.transpose(1, 2).contiguous().transpose(1, 2)}) {
      const ResizedPicture resized = Transform(config).Resize(picture);
      EXPECT_EQ(resized.original.height, height);
      EXPECT_EQ(resized.original.width, width);
      EXPECT_LE((resized.pixels - expected[0]).abs().max().item<double>(), 1e-5) << height << " x " << width;
    }
  }
}

TEST(TransformTest, AThinPictureKeepsAPixel) {
  const ImageSize size =
      Transform(PresetDetector("resnet50-fpn").value()).ResizedSize({/*height=*/1, /*width=*/10000});
  EXPECT_EQ(size.height, 1);
  EXPECT_EQ(size.width, 1332);  // torchvision's rounding of 1333 / 10000 in float32
}

TEST(TransformTest, RefusesBoxesWithoutArea) {
  const Batch batch = Transform(TinyConfig()).MakeBatch({torch::rand({3, 64, 64})});
  Target target = OneBox();
  target.boxes[0][2] = 10;
  EXPECT_THROW(ScaleTargets({target}, batch), c10::Error);
}

TEST(ConvNormTest, FrozenNormIsTheFormula) {
  torch::manual_seed(2);
  ConvNorm unit = MakeConvNorm(3, 4, 3, 1);
  auto& norm = *unit.norm();
  {
    torch::NoGradGuard no_grad;
    norm.weight.uniform_(0.5, 2);
    norm.bias.normal_();
    norm.running_mean.normal_();
    norm.running_var.uniform_(0.5, 2);
  }
  norm.Freeze();
  const auto x = torch::randn({2, 3, 9, 8});
  const auto plain = torch::conv2d(x, unit.conv()->weight, {}, 1, 1);
  const auto column = [](const torch::Tensor& values) { return values.view({1, -1, 1, 1}); };
  const auto expected = (plain - column(norm.running_mean)) / torch::sqrt(column(norm.running_var) + 1e-5) *
                            column(norm.weight) +
                        column(norm.bias);
  EXPECT_TRUE(torch::allclose(unit.Forward(x, Activation::kNone), expected, 1e-4, 1e-5));
  torch::NoGradGuard no_grad;  // now from the cache
  EXPECT_TRUE(torch::allclose(unit.Forward(x, Activation::kRelu), expected.relu(), 1e-4, 1e-5));
}

TEST(ConvNormTest, TheCacheFollowsTheWeights) {
  ConvNorm unit = MakeConvNorm(2, 2, 1, 1);
  unit.norm()->Freeze();
  torch::NoGradGuard no_grad;
  const auto x = torch::randn({1, 2, 4, 4});
  const auto before = unit.Forward(x, Activation::kNone).clone();
  unit.conv()->weight.mul_(2);
  EXPECT_TRUE(torch::allclose(unit.Forward(x, Activation::kNone), 2 * before, 1e-4, 1e-6));
  unit.norm()->bias.add_(1);
  EXPECT_TRUE(torch::allclose(unit.Forward(x, Activation::kNone), 2 * before + 1, 1e-4, 1e-6));
}

TEST(ConvNormTest, LiveNormLearnsStatistics) {
  ConvNorm unit = MakeConvNorm(3, 4, 1, 1);
  unit.norm()->train();
  unit.Forward(torch::randn({4, 3, 8, 8}) + 3, Activation::kNone);
  EXPECT_FALSE(torch::equal(unit.norm()->running_mean, torch::zeros({4})));
  unit.norm()->Freeze();
  const auto mean = unit.norm()->running_mean.clone();
  unit.Forward(torch::randn({4, 3, 8, 8}) + 3, Activation::kNone);
  EXPECT_TRUE(torch::equal(unit.norm()->running_mean, mean));
}

TEST(FasterRcnnTest, EveryFieldOfADetectionHasItsShape) {
  torch::manual_seed(1);
  FasterRcnn model(TinyConfig(), 4);
  model.eval();
  DetectOptions options;
  options.score_threshold = 0.01;
  options.detections_per_image = 7;
  const auto detections =
      model.Detect(model.MakeBatch({torch::rand({3, 50, 90}), torch::rand({3, 64, 64})}), options);
  ASSERT_EQ(detections.size(), 2u);
  const auto& first = detections[0];
  EXPECT_EQ(first.boxes.sizes(), torch::IntArrayRef({7, 4}));
  EXPECT_EQ(first.probabilities.sizes(), torch::IntArrayRef({7, 5}));
  EXPECT_EQ(first.embedding.sizes(), torch::IntArrayRef({128}));
  EXPECT_NEAR(first.embedding.norm().item<float>(), 1, 1e-5);
  EXPECT_LE(first.max_score_below, 0.01f);
  const auto own = first.probabilities.gather(1, first.labels.unsqueeze(1)).squeeze(1);
  EXPECT_TRUE(torch::equal(own, first.scores));
  EXPECT_TRUE(torch::allclose(first.probabilities.sum(1), torch::ones({7})));
  EXPECT_LE(first.boxes.select(1, 2).max().item<float>(), 90.001f);
  EXPECT_LE(first.boxes.select(1, 3).max().item<float>(), 50.001f);
}

TEST(FasterRcnnTest, AnImageWithoutDetectionsStillHasAnEmbeddingAndABestScore) {
  FasterRcnn model(TinyConfig(), 2);
  model.eval();
  DetectOptions options;
  options.score_threshold = 0.999;
  const auto detections = model.Detect(model.MakeBatch({torch::rand({3, 64, 64})}), options);
  EXPECT_EQ(detections[0].boxes.size(0), 0);
  EXPECT_NEAR(detections[0].embedding.norm().item<float>(), 1, 1e-5);
  EXPECT_GT(detections[0].max_score_below, 0.1f);
}

TEST(FasterRcnnTest, PicturesOfAPixelAreTaken) {
  FasterRcnn model(TinyConfig(), 2);
  model.eval();
  EXPECT_EQ(model.Detect(model.MakeBatch({torch::rand({3, 1, 1}), torch::rand({3, 1, 2000})}), {}).size(),
            2u);
}

TEST(FasterRcnnTest, TrainsOnImagesWithoutBoxes) {
  FasterRcnn model(TinyConfig(), 2);
  const Target nothing{torch::empty({0, 4}), torch::empty({0}, torch::kInt64), {}};
  const Losses losses = model.ComputeLosses(model.MakeBatch({torch::rand({3, 64, 64})}), {nothing});
  EXPECT_EQ(losses.loss_box_reg.item<float>(), 0);
  EXPECT_EQ(losses.loss_rpn_box_reg.item<float>(), 0);
  losses.Sum().backward();
  EXPECT_TRUE(std::isfinite(losses.Sum().item<float>()));
}

// A picture of 64 px has fewer anchors than are to be sampled.
TEST(FasterRcnnTest, LossesOfTheRpnAreDividedByWhatWasSampledOrByTheLimit) {
  v1::Detector config = TinyConfig();
  config.set_rpn_samples_per_image(100000);
  torch::manual_seed(8);
  FasterRcnn by_sampled(config, 2);
  config.set_rpn_loss_by_limit(true);
  torch::manual_seed(8);
  FasterRcnn by_limit(config, 2);
  const auto image = torch::rand({3, 64, 64});
  const auto losses = [&](FasterRcnn& model) {
    return model.ComputeLosses(model.MakeBatch({image, image}), {OneBox(), OneBox()});
  };
  const Losses sampled = losses(by_sampled), limit = losses(by_limit);
  EXPECT_EQ(limit.anchors, 2 * 100000);
  const double shrunk = static_cast<double>(sampled.anchors) / static_cast<double>(limit.anchors);
  EXPECT_LT(shrunk, 0.1);
  EXPECT_NEAR((limit.loss_objectness / sampled.loss_objectness).item<double>(), shrunk, 1e-6);
  EXPECT_NEAR((limit.loss_rpn_box_reg / sampled.loss_rpn_box_reg).item<double>(), shrunk, 1e-6);
}

TEST(FasterRcnnTest, RegionsToIgnoreAreNoNegatives) {
  FasterRcnn model(TinyConfig(), 2);
  Target ignored{torch::empty({0, 4}), torch::empty({0}, torch::kInt64),
                 torch::tensor({{-500.f, -500.f, 500.f, 500.f}})};
  const Losses losses = model.ComputeLosses(model.MakeBatch({torch::rand({3, 64, 64})}), {ignored});
  EXPECT_EQ(losses.Sum().item<float>(), 0)
      << "everything lies in the region, so nothing is left to learn from";
}

TEST(FasterRcnnTest, LearnsOnePictureByHeart) {
  torch::manual_seed(8);
  FasterRcnn model(TinyConfig(), 1);
  auto image = torch::full({3, 64, 64}, 0.5f);
  image.slice(1, 12, 50).slice(2, 10, 40).fill_(0.9f);
  torch::optim::AdamW optimizer(model.parameters(), torch::optim::AdamWOptions(1e-3));
  for (int i = 0; i < 40; ++i) {
    optimizer.zero_grad();
    model.ComputeLosses(model.MakeBatch({image, image}), {OneBox(), OneBox()}).Sum().backward();
    optimizer.step();
  }
  for (auto& buffer : model.named_buffers()) EXPECT_TRUE(torch::isfinite(buffer.value()).all().item<bool>());
  model.train();
  const double loss =
      model.ComputeLosses(model.MakeBatch({image, image}), {OneBox(), OneBox()}).Sum().item<double>();
  EXPECT_LT(loss, 0.5);
}

TEST(FasterRcnnTest, FrozenFeaturesStandForTheImages) {
  for (const char* preset : {"small", "mobilenet-v3-large-320-fpn"}) {
    v1::Detector config = PresetDetector(preset).value();
    config.set_min_size(64);
    config.set_max_size(96);
    for (const int trainable_layers : {0, 2, 3, 4}) {
      const auto made = std::make_shared<FasterRcnn>(config, 1);
      FasterRcnn& model = *made;
      EXPECT_FALSE(model.HasFrozenLayers());
      ASSERT_TRUE(LoadWeights(StateDict(model), {}, model).ok());  // which freezes batch norm
      model.FreezeBackbone(trainable_layers);
      EXPECT_TRUE(model.HasFrozenLayers());
      const Batch batch = model.MakeBatch({torch::rand({3, 64, 64}), torch::rand({3, 70, 90})});
      const auto maps = model.FrozenFeatures(batch.images);
      Batch instead = batch;
      for (size_t i = 0; i < maps[0].size(); ++i)
        instead.frozen.push_back(torch::cat({maps[0][i], maps[1][i]}));
      instead.images = torch::full({1}, std::nanf("")).expand(batch.images.sizes());
      const auto losses = [&](const Batch& images) {
        return model.ComputeLosses(images, {OneBox(), OneBox()}).Sum().item<double>();
      };
      EXPECT_NEAR(losses(instead), losses(batch), 1e-6) << preset << " " << trainable_layers;
    }
  }
}

TEST(FasterRcnnTest, FreezingCountsLayersFromTheEnd) {
  FasterRcnn model(TinyConfig(), 2);
  model.FreezeBackbone(3);
  for (const auto& parameter : model.named_parameters()) {
    const auto& name = parameter.key();
    const bool frozen = name.starts_with("backbone.body.conv1") || name.starts_with("backbone.body.bn1") ||
                        name.starts_with("backbone.body.layer1");
    EXPECT_EQ(parameter.value().requires_grad(), !frozen) << name;
  }
}

}  // namespace
}  // namespace loupe::detection
