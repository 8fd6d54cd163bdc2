// Augmentation leaves the truth true: what a box holds is found in it again, whatever was drawn.
#include "worker/training/augmentation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "recipe/recipe.h"
#include "worker/training/training_set.h"

namespace loupe {
namespace {

using evaluation::SeededRandom;
using testing::ElementsAre;

constexpr std::array<float, 3> kCanvas = {0.25F, 0.5F, 0.125F};
constexpr int kDraws = 200;

// Everything off but `more`.
v1::TrainingRecipe Only(const std::string& more) {
  const auto recipe = ParseRecipe("training { flip_horizontal: 0 flip_vertical: 0 }");
  EXPECT_TRUE(recipe.ok()) << recipe.status();
  const auto given = ParseRecipe("training { " + more + " }");
  EXPECT_TRUE(given.ok()) << given.status();
  v1::TrainingRecipe training = given->training();
  if (more.find("flip_h") == std::string::npos) training.set_flip_horizontal(0);
  if (more.find("flip_v") == std::string::npos) training.set_flip_vertical(0);
  return training;
}

// Red is 1 inside the first box and 0 elsewhere, green inside the second; blue is 0.5.
Example TwoPatches(int64_t height, int64_t width, const std::array<float, 4>& first,
                   const std::array<float, 4>& second, bool second_ignored = false) {
  torch::Tensor image = torch::zeros({3, height, width});
  image[2].fill_(0.5F);
  int64_t channel = 0;
  for (const auto& [x1, y1, x2, y2] : {first, second}) {
    image[channel++].slice(0, int64_t(y1), int64_t(y2)).slice(1, int64_t(x1), int64_t(x2)) = 1;
  }
  return {image, TargetOf({{first, 1, false}, {second, 2, second_ignored}})};
}

// Bounds [x1, y1, x2, y2] of the pixels of a channel above one half; empty where there are none.
std::vector<float> Bounds(const torch::Tensor& channel) {
  const torch::Tensor places = (channel > 0.5F).nonzero();
  if (places.size(0) == 0) return {};
  const auto low = std::get<0>(places.min(0));
  const auto high = std::get<0>(places.max(0));
  return {low[1].item<float>(), low[0].item<float>(), high[1].item<float>() + 1, high[0].item<float>() + 1};
}

std::vector<float> Corners(const TrainingBox& box) { return {box.corners.begin(), box.corners.end()}; }

void ExpectInside(const Example& example) {
  for (const TrainingBox& box : BoxesOf(example.target)) {
    const auto& [x1, y1, x2, y2] = box.corners;
    EXPECT_GE(x1, 0);
    EXPECT_GE(y1, 0);
    EXPECT_LE(x2, static_cast<float>(example.image.size(2)));
    EXPECT_LE(y2, static_cast<float>(example.image.size(1)));
    EXPECT_GT(x2, x1);
    EXPECT_GT(y2, y1);
  }
}

float Area(const std::vector<float>& box) { return (box[2] - box[0]) * (box[3] - box[1]); }

TEST(AugmentationTest, NothingAskedForNothingChanged) {
  const Example example = TwoPatches(40, 60, {5, 6, 20, 30}, {30, 10, 50, 25}, true);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    const Example same = Augment(example, Only(""), kCanvas, random);
    EXPECT_EQ(same.image.data_ptr(), example.image.data_ptr()) << "no copy is needed";
    EXPECT_TRUE(torch::equal(same.target.boxes, example.target.boxes));
    EXPECT_TRUE(torch::equal(same.target.labels, example.target.labels));
    EXPECT_TRUE(torch::equal(same.target.ignore_boxes, example.target.ignore_boxes));
  }
}

TEST(AugmentationTest, TheNumberOfDrawsDependsOnNothing) {
  const std::string all =
      "flip_horizontal: 0.5 crop_chance: 0.5 scale_min: 0.5 scale_max: 2 colour_jitter: 0.3 hue_jitter: 0.1";
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<uint64_t> next;
    for (const std::string& fields : {std::string(), all}) {
      for (const bool empty : {false, true}) {
        Example example = TwoPatches(40, 60, {5, 6, 20, 30}, {30, 10, 50, 25});
        if (empty) example.target = TargetOf({});
        SeededRandom random(seed);
        Augment(example, Only(fields), kCanvas, random);
        next.push_back(random.Next());
      }
    }
    EXPECT_THAT(next, testing::Each(next[0]));
  }
}

TEST(AugmentationTest, FlipsMoveBoxesWithTheirPixels) {
  const Example example = TwoPatches(30, 50, {5, 6, 20, 10}, {30, 10, 50, 25}, true);
  for (const std::string fields :
       {"flip_horizontal: 1", "flip_vertical: 1", "flip_horizontal: 1 flip_vertical: 1"}) {
    SeededRandom random(1);
    const Example flipped = Augment(example, Only(fields), kCanvas, random);
    EXPECT_FALSE(torch::equal(flipped.image, example.image));
    const std::vector<TrainingBox> boxes = BoxesOf(flipped.target);
    ASSERT_EQ(boxes.size(), 2);
    EXPECT_EQ(Corners(boxes[0]), Bounds(flipped.image[0]));
    EXPECT_EQ(Corners(boxes[1]), Bounds(flipped.image[1]));
    EXPECT_TRUE(boxes[1].ignore);
  }
  SeededRandom random(1);
  const Example turned = Augment(example, Only("flip_horizontal: 1 flip_vertical: 1"), kCanvas, random);
  EXPECT_TRUE(torch::equal(turned.target.ignore_boxes, torch::tensor({{0.F, 5.F, 20.F, 20.F}})));
}

TEST(AugmentationTest, FlipsComeAsOftenAsTheirChance) {
  const Example example = {torch::arange(12, torch::kFloat32).view({3, 2, 2}), TargetOf({})};
  SeededRandom random(7);
  const v1::TrainingRecipe recipe = Only("flip_horizontal: 0.25");
  int flipped = 0;
  for (int i = 0; i < 1000; ++i)
    flipped += !torch::equal(Augment(example, recipe, kCanvas, random).image, example.image);
  EXPECT_NEAR(flipped, 250, 50);
}

// A cut keeps at least one box whole; others stay truth, become regions to ignore or go, by what is left of
// them.
void ExpectHonestCut(const Example& cut, double min_share) {
  ExpectInside(cut);
  const std::vector<std::vector<float>> seen = {Bounds(cut.image[0]), Bounds(cut.image[1])};
  const std::vector<float> whole = {15 * 24, 20 * 15};
  size_t kept = 0;
  std::vector<std::vector<float>> truth, ignored;
  for (size_t i = 0; i < 2; ++i) {
    if (seen[i].empty()) continue;
    kept += Area(seen[i]) == whole[i];
    (Area(seen[i]) >= static_cast<float>(min_share) * whole[i] ? truth : ignored).push_back(seen[i]);
  }
  EXPECT_GE(kept, 1);
  std::vector<std::vector<float>> found_truth, found_ignored;
  for (const TrainingBox& box : BoxesOf(cut.target))
    (box.ignore ? found_ignored : found_truth).push_back(Corners(box));
  EXPECT_EQ(found_truth, truth);
  EXPECT_EQ(found_ignored, ignored);
}

TEST(AugmentationTest, CropsKeepABoxAndTellTheTruthOfTheOthers) {
  const Example example = TwoPatches(40, 60, {5, 6, 20, 30}, {30, 10, 50, 25});
  const v1::TrainingRecipe recipe = Only("crop_chance: 1 crop_min_side: 0.3 min_box_share: 0.61");
  int ignored = 0, clipped = 0, gone = 0, smaller = 0;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    SeededRandom random(seed);
    const Example cut = Augment(example, recipe, kCanvas, random);
    ExpectHonestCut(cut, 0.61);
    ignored += cut.target.ignore_boxes.size(0) == 1;
    gone += BoxesOf(cut.target).size() == 1;
    for (const TrainingBox& box : BoxesOf(cut.target)) {
      clipped += !box.ignore && Area(Corners(box)) != 15 * 24 && Area(Corners(box)) != 20 * 15;
    }
    smaller += cut.image.size(1) < 40 && cut.image.size(2) < 60;
    EXPECT_GE(cut.image.size(1), 0.3 * 40 - 1);
    EXPECT_GE(cut.image.size(2), 0.3 * 60 - 1);
  }
  // All that can happen did.
  EXPECT_GT(ignored, 0);
  EXPECT_GT(clipped, 0);
  EXPECT_GT(gone, 0);
  EXPECT_GT(smaller, kDraws / 2);
}

TEST(AugmentationTest, ZoomingInKeepsShapeAndABox) {
  const Example example = TwoPatches(40, 60, {5, 6, 20, 30}, {30, 10, 50, 25});
  const v1::TrainingRecipe recipe = Only("scale_max: 4 min_box_share: 0.61");
  double largest = 1;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    SeededRandom random(seed);
    const Example cut = Augment(example, recipe, kCanvas, random);
    ExpectHonestCut(cut, 0.61);
    const double factor = 40.0 / static_cast<double>(cut.image.size(1));
    EXPECT_NEAR(static_cast<double>(cut.image.size(2)), 60 / factor, 1);
    largest = std::max(largest, factor);
  }
  // The second box is 15 of 40 pixels high, its width is less of the picture's: so much and no more holds it.
  EXPECT_DOUBLE_EQ(largest, 40.0 / 15);
}

// As floats, 100 megapixels with one copy are 2.4 GB.
TEST(AugmentationTest, AHugePictureIsThinnedOutWithItsBoxes) {
  for (const auto& [height, width] :
       {std::pair(8000, 12000), std::pair(12000, 8000), std::pair(20000, 1300)}) {
    Example example;
    example.image = torch::zeros({1, height, width}, torch::kUInt8).expand({3, height, width});
    example.image[0].slice(0, 600, 1200).slice(1, 300, 900) = 255;
    example.target = TargetOf({{{300, 600, 900, 1200}, 1, false}});
    SeededRandom random(1);
    const Example thin = Augment(example, Only("colour_jitter: 0.1"), kCanvas, random);
    EXPECT_LE(thin.image.size(1) * thin.image.size(2), 24'000'000);
    EXPECT_GE(thin.image.size(1) * thin.image.size(2), 6'000'000);
    const std::vector<float> box = Corners(BoxesOf(thin.target).front());
    const std::vector<float> seen = Bounds(thin.image[0]);
    for (size_t side = 0; side < 4; ++side) EXPECT_NEAR(box[side], seen[side], 1);
    const auto shrunk = static_cast<float>(thin.image.size(2)) / static_cast<float>(width);
    EXPECT_NEAR(box[2] - box[0], 600 * shrunk, 0.01);
    ExpectInside(thin);
  }
}

TEST(AugmentationTest, AnEmptyPictureIsCutAnywhere) {
  Example example = TwoPatches(40, 60, {0, 0, 1, 1}, {59, 39, 60, 40});
  example.target = TargetOf({});
  const v1::TrainingRecipe recipe = Only("crop_chance: 1 crop_min_side: 0.5");
  int upper_left = 0, lower_right = 0;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    SeededRandom random(seed);
    const Example cut = Augment(example, recipe, kCanvas, random);
    EXPECT_EQ(cut.target.boxes.size(0), 0);
    upper_left += !Bounds(cut.image[0]).empty();
    lower_right += !Bounds(cut.image[1]).empty();
  }
  EXPECT_GT(upper_left, 0);
  EXPECT_GT(lower_right, 0);
  EXPECT_LT(upper_left + lower_right, kDraws);
}

TEST(AugmentationTest, ZoomingOutShrinksOntoACanvas) {
  const Example example = TwoPatches(80, 120, {10, 12, 40, 60}, {60, 20, 100, 50}, true);
  const v1::TrainingRecipe recipe = Only("scale_min: 0.25");
  double smallest = 1;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    SeededRandom random(seed);
    const Example shrunk = Augment(example, recipe, kCanvas, random);
    ExpectInside(shrunk);
    EXPECT_THAT(shrunk.image.sizes(), ElementsAre(3, 80, 120));
    const std::vector<TrainingBox> boxes = BoxesOf(shrunk.target);
    ASSERT_EQ(boxes.size(), 2);
    EXPECT_TRUE(boxes[1].ignore);
    for (size_t i = 0; i < 2; ++i) {
      const std::vector<float> seen = Bounds(shrunk.image[static_cast<int64_t>(i)]);
      ASSERT_FALSE(seen.empty());
      for (size_t corner = 0; corner < 4; ++corner) EXPECT_NEAR(boxes[i].corners[corner], seen[corner], 1);
    }
    smallest = std::min(smallest, (boxes[0].corners[2] - boxes[0].corners[0]) / 30.0);
    // Blue is one half in the picture and an eighth around it.
    const std::vector<float> picture = Bounds(shrunk.image[2] + 0.1F);
    EXPECT_NEAR(Area(picture) / (80 * 120), std::pow((boxes[0].corners[2] - boxes[0].corners[0]) / 30, 2),
                0.02);
    const bool has_canvas = Area(picture) < 80 * 120;
    EXPECT_EQ(shrunk.image[2].min().item<float>(), has_canvas ? kCanvas[2] : 0.5F);
  }
  EXPECT_NEAR(smallest, 0.25, 0.02);
}

TEST(AugmentationTest, ColourJitterStaysInRangeAndLeavesTheGivenPictureAlone) {
  torch::manual_seed(1);
  const Example example = {torch::rand({3, 20, 30}), TargetOf({{{3, 4, 9, 9}, 1, false}})};
  const torch::Tensor before = example.image.clone();
  const v1::TrainingRecipe recipe = Only("colour_jitter: 0.8 hue_jitter: 0.5");
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SeededRandom random(seed);
    const Example jittered = Augment(example, recipe, kCanvas, random);
    EXPECT_FALSE(torch::equal(jittered.image, before));
    EXPECT_GE(jittered.image.min().item<float>(), 0);
    EXPECT_LE(jittered.image.max().item<float>(), 1);
    EXPECT_TRUE(torch::equal(jittered.target.boxes, example.target.boxes));
  }
  EXPECT_TRUE(torch::equal(example.image, before));
}

// The colour jitter that a seed draws, step by step.
torch::Tensor SlowJitter(const torch::Tensor& image, double strength, double hue_jitter, uint64_t seed) {
  SeededRandom random(seed);
  for (int i = 0; i < 6; ++i) random.Uniform();  // of the crop
  const auto factor = [&] { return 1 - strength + 2 * strength * random.Uniform(); };
  const double brightness = factor(), contrast = factor(), saturation = factor();
  const double angle = 2 * M_PI * hue_jitter * (2 * random.Uniform() - 1);
  const torch::Tensor pixels = image.to(torch::kFloat64);
  const auto grey = [](const torch::Tensor& rgb) { return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]; };
  // A turn about the grey axis, from two vectors across it.
  const torch::Tensor axis = torch::full({3}, 1 / std::sqrt(3.0), torch::kFloat64);
  const torch::Tensor u = torch::tensor({1.0, -1.0, 0.0}, torch::kFloat64) / std::sqrt(2.0);
  const torch::Tensor v = torch::tensor({1.0, 1.0, -2.0}, torch::kFloat64) / std::sqrt(6.0);
  const auto along = [&](const torch::Tensor& e) { return (e.view({3, 1, 1}) * pixels).sum(0); };
  const torch::Tensor a = along(u), b = along(v);
  const auto part = [](const torch::Tensor& e, const torch::Tensor& amount) {
    return e.view({3, 1, 1}) * amount;
  };
  torch::Tensor rgb = part(axis, along(axis)) + part(u, a * std::cos(angle) - b * std::sin(angle)) +
                      part(v, a * std::sin(angle) + b * std::cos(angle));
  rgb = grey(rgb) + saturation * (rgb - grey(rgb));
  rgb = brightness * rgb;
  rgb = grey(rgb).mean() + contrast * (rgb - grey(rgb).mean());
  return rgb.clamp(0, 1).to(torch::kFloat32);
}

TEST(AugmentationTest, ColourJitterEqualsItsStepsOneByOne) {
  torch::manual_seed(2);
  const Example example = {torch::rand({3, 20, 30}), TargetOf({})};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    const Example jittered = Augment(example, Only("colour_jitter: 0.4 hue_jitter: 0.2"), kCanvas, random);
    const torch::Tensor slow = SlowJitter(example.image, 0.4, 0.2, seed);
    EXPECT_LT((jittered.image - slow).abs().max().item<float>(), 1e-5) << seed;
  }
}

TEST(AugmentationTest, AThirdOfATurnOfTheHueTurnsRedIntoGreen) {
  const Example red = {torch::tensor({0.8F, 0.F, 0.F}).view({3, 1, 1}), TargetOf({})};
  std::vector<float> closest(3, 1e9F);
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SeededRandom random(seed);
    const torch::Tensor turned = Augment(red, Only("hue_jitter: 0.5"), kCanvas, random).image.flatten();
    for (int64_t channel = 0; channel < 3; ++channel) {
      torch::Tensor pure = torch::zeros({3});
      pure[channel] = 0.8F;
      auto& best = closest[static_cast<size_t>(channel)];
      best = std::min(best, (turned - pure).abs().max().item<float>());
    }
  }
  EXPECT_THAT(closest, testing::Each(testing::Lt(0.01F))) << "some turn gives each of red, green and blue";
}

}  // namespace
}  // namespace loupe
