#include "worker/training/augmentation.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "worker/detection/transform.h"
#include "worker/training/training_set.h"

namespace loupe {
namespace {

using evaluation::SeededRandom;

struct Scene {
  torch::Tensor image;
  std::vector<TrainingBox> boxes;  // truth and regions to ignore

  int64_t height() const { return image.size(1); }
  int64_t width() const { return image.size(2); }
};

// Whole pixels from `begin` up to, not including, `end`.
struct Span {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t length() const { return end - begin; }
};

struct Window {
  Span x;
  Span y;
};

double Between(double low, double high, double draw) { return low + (high - low) * draw; }

// The whole pixels around one true box, which is chosen by `draw` in [0, 1). Without a true box: an inverted
// window (end before begin), which lies inside any window.
Window AroundABox(const Scene& picture, double draw) {
  std::vector<std::array<float, 4>> truth;
  for (const TrainingBox& box : picture.boxes) {
    if (!box.ignore) truth.push_back(box.corners);
  }
  if (truth.empty()) return {{picture.width(), 0}, {picture.height(), 0}};
  const auto& [x1, y1, x2, y2] = truth[static_cast<size_t>(draw * static_cast<double>(truth.size()))];
  const auto low = [](float at) { return static_cast<int64_t>(std::floor(at)); };
  const auto high = [](float at) { return static_cast<int64_t>(std::ceil(at)); };
  return {{low(x1), high(x2)}, {low(y1), high(y2)}};
}

// A span of `length` pixels. `draw` in [0, 1) chooses where it begins, from `first` to `last`.
Span Place(int64_t length, int64_t first, int64_t last, double draw) {
  const int64_t begin = first + static_cast<int64_t>(draw * static_cast<double>(last - first + 1));
  return {begin, begin + length};
}

// A span within `size` pixels that contains `inner`. Its length is `share` of the pixels, or more if `inner`
// needs more.
Span DrawSpan(int64_t size, double share, const Span& inner, double draw) {
  const int64_t wanted = std::llround(share * static_cast<double>(size));
  const int64_t length = std::clamp(wanted, std::max<int64_t>(1, inner.length()), size);
  return Place(length, std::max<int64_t>(0, inner.end - length), std::min(inner.begin, size - length), draw);
}

double Area(const std::array<float, 4>& corners) {
  return double{corners[2] - corners[0]} * double{corners[3] - corners[1]};
}

// Cuts the picture down to the window. A box becomes a region to ignore when less than `min_share` of its
// area is left.
void CutOut(const Window& window, double min_share, Scene& picture) {
  picture.image = picture.image.slice(1, window.y.begin, window.y.end).slice(2, window.x.begin, window.x.end);
  const auto left = static_cast<float>(window.x.begin);
  const auto top = static_cast<float>(window.y.begin);
  const auto width = static_cast<float>(window.x.length());
  const auto height = static_cast<float>(window.y.length());
  std::vector<TrainingBox> inside;
  for (TrainingBox& box : picture.boxes) {
    const double whole = Area(box.corners);
    const auto [x1, y1, x2, y2] = box.corners;
    box.corners = {std::clamp(x1 - left, 0.F, width), std::clamp(y1 - top, 0.F, height),
                   std::clamp(x2 - left, 0.F, width), std::clamp(y2 - top, 0.F, height)};
    const double rest = Area(box.corners);
    if (rest <= 0) continue;
    // Moving a box that is not cut may round its area down a little.
    constexpr double kRounding = 1e-3;
    box.ignore |= rest < (min_share - kRounding) * whole;
    inside.push_back(box);
  }
  picture.boxes = std::move(inside);
}

// The changes below make copies as floats, so of a larger picture only every second or third row and column
// is taken. Resizing for the network skips more.
constexpr double kMostPixels = 24e6;

void ThinOut(Scene& picture) {
  const double pixels = static_cast<double>(picture.height()) * static_cast<double>(picture.width());
  const auto factor = static_cast<int64_t>(std::ceil(std::sqrt(pixels / kMostPixels)));
  if (factor <= 1) return;
  const auto thin = [factor](const torch::Tensor& image, int64_t side) {
    const int64_t first = std::min((factor - 1) / 2, image.size(side) - 1);
    return image.slice(side, first, image.size(side), factor);
  };
  const auto width = static_cast<float>(picture.width());
  const auto height = static_cast<float>(picture.height());
  picture.image = thin(thin(picture.image, 1), 2);
  const float x = static_cast<float>(picture.width()) / width;
  const float y = static_cast<float>(picture.height()) / height;
  for (TrainingBox& box : picture.boxes) {
    const auto [x1, y1, x2, y2] = box.corners;
    box.corners = {x1 * x, y1 * y, x2 * x, y2 * y};
  }
}

void Crop(const v1::TrainingRecipe& recipe, SeededRandom& random, Scene& picture) {
  const bool wanted = random.Uniform() < recipe.crop_chance();
  const double box = random.Uniform();
  const double width_share = Between(recipe.crop_min_side(), 1, random.Uniform());
  const double height_share = Between(recipe.crop_min_side(), 1, random.Uniform());
  const double x = random.Uniform();
  const double y = random.Uniform();
  if (!wanted) return;
  const Window inner = AroundABox(picture, box);
  CutOut({DrawSpan(picture.width(), width_share, inner.x, x),
          DrawSpan(picture.height(), height_share, inner.y, y)},
         recipe.min_box_share(), picture);
}

// A linear change of colour: `matrix` times the pixel, plus `offset` for each channel.
struct ColourChange {
  std::array<std::array<float, 3>, 3> matrix = {};
  float offset = 0;
};

constexpr std::array<double, 3> kLuma = {0.299, 0.587, 0.114};  // ITU-R BT.601

// Like torchvision's ColorJitter, but one linear map: the hue is rotated around the grey axis of RGB instead
// of in HSV, and values are clipped only at the end.
ColourChange MakeColourChange(double brightness, double contrast, double saturation, double hue_turns,
                              const std::array<double, 3>& mean) {
  const double angle = 2 * std::numbers::pi * hue_turns;
  const double even = (1 - std::cos(angle)) / 3;
  const double odd = std::sin(angle) / std::numbers::sqrt3;
  // Rodrigues' formula for the axis (1, 1, 1) / sqrt(3).
  const std::array<std::array<double, 3>, 3> turn = {{{std::cos(angle) + even, even - odd, even + odd},
                                                      {even + odd, std::cos(angle) + even, even - odd},
                                                      {even - odd, even + odd, std::cos(angle) + even}}};
  ColourChange change;
  double mean_grey = 0;
  for (size_t column = 0; column < 3; ++column) {
    double grey = 0;
    for (size_t row = 0; row < 3; ++row) grey += kLuma[row] * turn[row][column];
    mean_grey += brightness * grey * mean[column];
    for (size_t row = 0; row < 3; ++row) {
      const double value = saturation * turn[row][column] + (1 - saturation) * grey;
      change.matrix[row][column] = static_cast<float>(contrast * brightness * value);
    }
  }
  change.offset = static_cast<float>((1 - contrast) * mean_grey);
  return change;
}

// image: [3, H, W], contiguous.
std::array<double, 3> MeanColour(const torch::Tensor& image) {
  const int64_t pixels = image.size(1) * image.size(2);
  std::array<double, 3> mean = {};
  for (size_t channel = 0; channel < 3; ++channel) {
    const float* values = image.data_ptr<float>() + static_cast<int64_t>(channel) * pixels;
    mean[channel] = std::accumulate(values, values + pixels, 0.0) / static_cast<double>(pixels);
  }
  return mean;
}

// image: [3, H, W], contiguous.
torch::Tensor Recoloured(const torch::Tensor& image, const ColourChange& change) {
  torch::Tensor result = torch::empty_like(image);
  const int64_t pixels = image.size(1) * image.size(2);
  const float* red = image.data_ptr<float>();
  const float* green = red + pixels;
  const float* blue = green + pixels;
  for (int64_t channel = 0; channel < 3; ++channel) {
    const auto [from_red, from_green, from_blue] = change.matrix[static_cast<size_t>(channel)];
    float* out = result.data_ptr<float>() + channel * pixels;
    for (int64_t i = 0; i < pixels; ++i) {
      const float value = from_red * red[i] + from_green * green[i] + from_blue * blue[i] + change.offset;
      out[i] = std::min(1.F, std::max(0.F, value));
    }
  }
  return result;
}

void JitterColour(const v1::TrainingRecipe& recipe, SeededRandom& random, Scene& picture) {
  const double strength = recipe.colour_jitter();
  const double brightness = Between(1 - strength, 1 + strength, random.Uniform());
  const double contrast = Between(1 - strength, 1 + strength, random.Uniform());
  const double saturation = Between(1 - strength, 1 + strength, random.Uniform());
  const double hue_turns = Between(-recipe.hue_jitter(), recipe.hue_jitter(), random.Uniform());
  if (strength == 0 && recipe.hue_jitter() == 0) return;
  const torch::Tensor image = detection::Levels(picture.image).contiguous();
  picture.image =
      Recoloured(image, MakeColourChange(brightness, contrast, saturation, hue_turns, MeanColour(image)));
}

// Shrinks the picture by `factor` < 1 and puts it on a canvas of the old size. `x` and `y` in [0, 1) choose
// the place.
void Shrink(double factor, double x, double y, const std::array<float, 3>& canvas, Scene& picture) {
  const int64_t height = picture.height();
  const int64_t width = picture.width();
  const int64_t new_height = std::max<int64_t>(1, std::llround(factor * static_cast<double>(height)));
  const int64_t new_width = std::max<int64_t>(1, std::llround(factor * static_cast<double>(width)));
  const Span columns = Place(new_width, 0, width - new_width, x);
  const Span rows = Place(new_height, 0, height - new_height, y);
  torch::Tensor image = torch::empty({3, height, width});
  for (int64_t channel = 0; channel < 3; ++channel)
    image[channel].fill_(canvas[static_cast<size_t>(channel)]);
  image.slice(1, rows.begin, rows.end)
      .slice(2, columns.begin, columns.end)
      .copy_(torch::upsample_bilinear2d(detection::Levels(picture.image).unsqueeze(0),
                                        {new_height, new_width}, false)[0]);
  picture.image = image;
  const auto moved = [](float at, int64_t from, const Span& to) {
    const float scaled = at * static_cast<float>(to.length()) / static_cast<float>(from);
    return std::min(static_cast<float>(to.end), scaled + static_cast<float>(to.begin));
  };
  for (TrainingBox& box : picture.boxes) {
    const auto [x1, y1, x2, y2] = box.corners;
    box.corners = {moved(x1, width, columns), moved(y1, height, rows), moved(x2, width, columns),
                   moved(y2, height, rows)};
  }
}

void JitterScale(const v1::TrainingRecipe& recipe, const std::array<float, 3>& canvas, SeededRandom& random,
                 Scene& picture) {
  const double factor =
      std::exp(Between(std::log(recipe.scale_min()), std::log(recipe.scale_max()), random.Uniform()));
  const double box = random.Uniform();
  const double x = random.Uniform();
  const double y = random.Uniform();
  if (factor < 1) Shrink(factor, x, y, canvas, picture);
  if (factor <= 1) return;
  const Window inner = AroundABox(picture, box);
  // The aspect ratio is kept, so the longer relative side of the box limits the factor.
  const double share =
      std::max({1 / factor, static_cast<double>(inner.x.length()) / static_cast<double>(picture.width()),
                static_cast<double>(inner.y.length()) / static_cast<double>(picture.height())});
  CutOut({DrawSpan(picture.width(), share, inner.x, x), DrawSpan(picture.height(), share, inner.y, y)},
         recipe.min_box_share(), picture);
}

void Flip(const v1::TrainingRecipe& recipe, SeededRandom& random, Scene& picture) {
  const bool horizontal = random.Uniform() < recipe.flip_horizontal();
  const bool vertical = random.Uniform() < recipe.flip_vertical();
  const auto width = static_cast<float>(picture.width());
  const auto height = static_cast<float>(picture.height());
  std::vector<int64_t> axes;
  if (horizontal) axes.push_back(2);
  if (vertical) axes.push_back(1);
  if (axes.empty()) return;
  picture.image = picture.image.flip(axes);
  for (TrainingBox& box : picture.boxes) {
    const auto [x1, y1, x2, y2] = box.corners;
    if (horizontal) box.corners[0] = width - x2;
    if (horizontal) box.corners[2] = width - x1;
    if (vertical) box.corners[1] = height - y2;
    if (vertical) box.corners[3] = height - y1;
  }
}

}  // namespace

bool Augments(const v1::TrainingRecipe& recipe) {
  return recipe.crop_chance() > 0 || recipe.colour_jitter() > 0 || recipe.hue_jitter() > 0 ||
         recipe.scale_min() < 1 || recipe.scale_max() > 1 || recipe.flip_horizontal() > 0 ||
         recipe.flip_vertical() > 0;
}

Example Augment(const Example& example, const v1::TrainingRecipe& recipe, const std::array<float, 3>& canvas,
                SeededRandom& random) {
  Scene picture = {example.image, BoxesOf(example.target)};
  if (Augments(recipe)) ThinOut(picture);
  Crop(recipe, random, picture);
  JitterColour(recipe, random, picture);
  JitterScale(recipe, canvas, random, picture);
  Flip(recipe, random, picture);
  return {picture.image, TargetOf(picture.boxes)};
}

}  // namespace loupe
