// AP of a model on images, against the same detections judged by hand.
#include "worker/training/validation.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <memory>
#include <vector>

#include "recipe/presets.h"
#include "worker/detection/faster_rcnn.h"

namespace loupe {
namespace {

using detection::FasterRcnn;

std::unique_ptr<FasterRcnn> Model() {
  torch::manual_seed(3);
  v1::Detector config = *PresetDetector("small");
  config.set_min_size(64);
  config.set_max_size(64);
  auto model = std::make_unique<FasterRcnn>(config, 2);
  model->eval();
  return model;
}

TrainingImage ImageOf(uint64_t seed, std::vector<TrainingBox> boxes) {
  const auto load = [seed]() -> absl::StatusOr<torch::Tensor> {
    torch::manual_seed(seed);
    return torch::rand({3, 64, 64});
  };
  return {"image", load, TargetOf(boxes)};
}

// Pictures whose truth is what the (random) model detects on them.
std::vector<TrainingImage> Detected(FasterRcnn& model) {
  std::vector<TrainingImage> images;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const detection::Detections found =
        model.Detect(model.MakeBatch({*ImageOf(seed, {}).load()}), {.score_threshold = 0.01})[0];
    std::vector<TrainingBox> boxes;
    for (int64_t i = 0; i < found.scores.size(0); ++i) {
      const float* box = found.boxes[i].data_ptr<float>();
      boxes.push_back({{box[0], box[1], box[2], box[3]}, found.labels[i].item<int64_t>(), false});
    }
    EXPECT_FALSE(boxes.empty());
    images.push_back(ImageOf(seed, boxes));
  }
  return images;
}

TEST(ValidationTest, AModelThatFindsEverythingHasAnApOfOne) {
  const auto model = Model();
  const auto perfect = MeasureDetector(Detected(*model), 1, *model);
  ASSERT_TRUE(perfect.ok()) << perfect.status();
  EXPECT_NEAR(perfect->ap, 1, 1e-9);
  EXPECT_NEAR(perfect->ap50, 1, 1e-9);
}

// For each box another one that nobody can find: at full precision recall ends at one half, which is 51 of
// COCO's 101 points.
TEST(ValidationTest, AModelThatFindsHalfHasAnApOfOneHalf) {
  const auto model = Model();
  std::vector<TrainingImage> images = Detected(*model);
  for (TrainingImage& image : images) {
    std::vector<TrainingBox> boxes = BoxesOf(image.target);
    for (const TrainingBox& box : BoxesOf(image.target)) {
      boxes.push_back({{100, 100, 120, 110}, box.label, false});
    }
    image.target = TargetOf(boxes);
  }
  EXPECT_NEAR(MeasureDetector(images, 1, *model)->ap50, 51.0 / 101, 1e-9);
}

TEST(ValidationTest, RegionsToIgnoreNeitherHelpNorHurt) {
  const auto model = Model();
  std::vector<TrainingImage> images = Detected(*model);
  for (TrainingImage& image : images) {
    std::vector<TrainingBox> boxes = BoxesOf(image.target);
    for (size_t i = 1; i < boxes.size(); ++i) boxes[i].ignore = true;
    image.target = TargetOf(boxes);
  }
  EXPECT_NEAR(MeasureDetector(images, 1, *model)->ap, 1, 1e-9);
  for (TrainingImage& image : images) {
    std::vector<TrainingBox> boxes = BoxesOf(image.target);
    boxes[0].ignore = true;
    image.target = TargetOf(boxes);
  }
  EXPECT_EQ(MeasureDetector(images, 1, *model)->ap50, -1) << "no box is left to be found";
}

TEST(ValidationTest, AnImageThatCannotBeReadIsAnError) {
  TrainingImage image = ImageOf(0, {});
  image.load = []() -> absl::StatusOr<torch::Tensor> { return absl::InvalidArgumentError("b.jpg is empty"); };
  EXPECT_EQ(MeasureDetector({image}, 2, *Model()).status().message(), "b.jpg is empty");
}

}  // namespace
}  // namespace loupe
