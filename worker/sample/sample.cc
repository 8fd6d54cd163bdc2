#include "worker/sample/sample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "absl/strings/str_format.h"
#include "worker/sample/sample_defect.h"

namespace loupe {
namespace {

using namespace sample;  // NOLINT: the parts of this file
using evaluation::Mix64;

// How a picture of a part was taken.
struct View {
  Point shift;              // pixels
  double turn = 0;          // radians, around the middle
  double light[3] = {};     // unit vector to the lamp
  double gradient[2] = {};  // change of the light across the picture
  double exposure = 1;
  double vignette = 0;
  double grain = 0;  // standard deviation of the sensor's noise, in grey levels
  uint64_t noise_seed = 0;
};

View DrawView(SeededRandom& random, double light_angle, bool first) {
  View view;
  if (!first) {
    view.shift = {Between(random, -7, 7), Between(random, -7, 7)};
    view.turn = Between(random, -0.06, 0.06);
  }
  const double angle = light_angle + (first ? 0 : Between(random, -0.4, 0.4));
  const double elevation = Between(random, 0.75, 1.05);
  view.light[0] = std::cos(angle) * std::cos(elevation);
  view.light[1] = std::sin(angle) * std::cos(elevation);
  view.light[2] = std::sin(elevation);
  const double fall = Between(random, 0, 0.3);
  view.gradient[0] = fall * std::cos(angle);
  view.gradient[1] = fall * std::sin(angle);
  view.exposure = Between(random, 0.8, 1.2);
  view.vignette = Between(random, 0, 0.25);
  view.grain = Between(random, 1.5, 5);
  view.noise_seed = random.Next();
  return view;
}

// About normally distributed: the sum of four uniform draws, scaled to a standard deviation of 1.
double Normal(SeededRandom& random) {
  return (random.Uniform() + random.Uniform() + random.Uniform() + random.Uniform() - 2) *
         std::numbers::sqrt3;
}

Point PartPoint(const View& view, double x, double y) {
  constexpr double kMiddle = kPictureSide / 2.0;
  const double dx = x - kMiddle;
  const double dy = y - kMiddle;
  return {kMiddle + view.shift.x + dx * std::cos(view.turn) - dy * std::sin(view.turn),
          kMiddle + view.shift.y + dx * std::sin(view.turn) + dy * std::cos(view.turn)};
}

struct Part {
  Surface surface;
  std::vector<Defect> defects;
};

// Whether a new defect is far enough from the others and mostly visible.
bool FitsOn(const Part& part, const Defect& defect) {
  for (const Defect& other : part.defects) {
    const double apart = Length(other.center().x - defect.center().x, other.center().y - defect.center().y);
    if (apart < 0.55 * (std::min(other.reach(), 36.0) + std::min(defect.reach(), 36.0))) return false;
  }
  int seen = 0;
  int hidden = 0;
  const double reach = defect.reach();
  for (double y = -reach; y <= reach; ++y) {
    for (double x = -reach; x <= reach; ++x) {
      const Point p = {defect.center().x + x, defect.center().y + y};
      Texel flat;
      if (defect.Apply(p, flat) < 0.5) continue;
      const bool inside = p.x >= 1 && p.y >= 1 && p.x < kPictureSide - 1 && p.y < kPictureSide - 1;
      const Texel under = part.surface.At(p);
      ++(inside && under.is_part && !under.is_busy ? seen : hidden);
    }
  }
  return seen > 8 * hidden;
}

Part DrawPart(SeededRandom& random) {
  constexpr double kCleanShare = 0.1;
  constexpr int kAttempts = 30;
  Part part = {Surface(random.Next()), {}};
  if (Chance(random, kCleanShare)) return part;
  uint64_t count = 1;
  while (count < 6 && Chance(random, 0.55)) ++count;
  for (uint64_t i = 0; i < count; ++i) {
    const DefectKind kind = DrawKind(random);
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const Point center = {Between(random, 8, kPictureSide - 8), Between(random, 8, kPictureSide - 8)};
      const Defect defect(kind, center, random.Next());
      if (!FitsOn(part, defect)) continue;
      part.defects.push_back(defect);
      break;
    }
  }
  return part;
}

// A picture with a margin of one pixel, so that slopes exist everywhere.
constexpr int kGridSide = kPictureSide + 2;

struct Grid {
  std::vector<Texel> texels = std::vector<Texel>(static_cast<size_t>(kGridSide) * kGridSide);
  Texel& At(int x, int y) {
    return texels[static_cast<size_t>(y + 1) * kGridSide + static_cast<size_t>(x + 1)];
  }
};

// Fills the grid. Returns the visible box of each defect; nullopt when fewer than kLeastPixels are visible.
std::vector<std::optional<SampleBox>> LayOut(const Part& part, const View& view, Grid& grid) {
  struct Extent {
    int left = kPictureSide, top = kPictureSide, right = -1, bottom = -1;
    int pixels = 0;
  };
  std::vector<Extent> extents(part.defects.size());
  for (int y = -1; y <= kPictureSide; ++y) {
    for (int x = -1; x <= kPictureSide; ++x) {
      const Point p = PartPoint(view, x + 0.5, y + 0.5);
      Texel& texel = grid.At(x, y) = part.surface.At(p);
      const bool in_picture = x >= 0 && y >= 0 && x < kPictureSide && y < kPictureSide;
      for (size_t i = 0; i < part.defects.size(); ++i) {
        if (part.defects[i].Apply(p, texel) < 0.5 || !in_picture) continue;
        Extent& extent = extents[i];
        extent.left = std::min(extent.left, x);
        extent.top = std::min(extent.top, y);
        extent.right = std::max(extent.right, x);
        extent.bottom = std::max(extent.bottom, y);
        ++extent.pixels;
      }
    }
  }
  constexpr int kLeastPixels = 12;
  std::vector<std::optional<SampleBox>> boxes(part.defects.size());
  for (size_t i = 0; i < boxes.size(); ++i) {
    const Extent& extent = extents[i];
    if (extent.pixels < kLeastPixels) continue;
    boxes[i] = SampleBox{static_cast<int>(part.defects[i].kind()) + 1, extent.left, extent.top,
                         extent.right - extent.left + 1, extent.bottom - extent.top + 1};
  }
  return boxes;
}

// Light on the surface: diffuse, a highlight, the lamp's fall-off, vignetting and the sensor's noise.
cv::Mat Photograph(const Part& part, const View& view, Grid& grid) {
  SeededRandom random(view.noise_seed);
  cv::Mat picture(kPictureSide, kPictureSide, CV_8UC3);
  const double half[3] = {view.light[0], view.light[1], view.light[2] + 1};
  const double half_length = std::sqrt(half[0] * half[0] + half[1] * half[1] + half[2] * half[2]);
  for (int y = 0; y < kPictureSide; ++y) {
    for (int x = 0; x < kPictureSide; ++x) {
      const Texel& texel = grid.At(x, y);
      const double slope_x = (grid.At(x + 1, y).height - grid.At(x - 1, y).height) / 2;
      const double slope_y = (grid.At(x, y + 1).height - grid.At(x, y - 1).height) / 2;
      const double length = std::sqrt(slope_x * slope_x + slope_y * slope_y + 1);
      const double diffuse =
          std::max(0.0, (-slope_x * view.light[0] - slope_y * view.light[1] + view.light[2]) / length);
      const double facing =
          std::max(0.0, (-slope_x * half[0] - slope_y * half[1] + half[2]) / (length * half_length));
      const double highlight = texel.is_part ? part.surface.gloss() * std::pow(facing, 24) : 0;
      const double u = (x + 0.5) / kPictureSide * 2 - 1;
      const double v = (y + 0.5) / kPictureSide * 2 - 1;
      const double lamp = view.exposure * (1 + view.gradient[0] * u + view.gradient[1] * v) *
                          (1 - view.vignette * (u * u + v * v) / 2);
      const double shared = 0.6 * view.grain * Normal(random);
      cv::Vec3b& pixel = picture.at<cv::Vec3b>(y, x);
      for (int channel = 0; channel < 3; ++channel) {
        const double tint = 1 + texel.tint * (1 - channel);
        const double light =
            lamp * (part.surface.color()[channel] * tint * texel.albedo * (0.15 + 0.9 * diffuse) +
                    highlight * texel.albedo);
        const double level = 255 * light + shared + 0.8 * view.grain * Normal(random);
        pixel[2 - channel] = static_cast<uint8_t>(std::clamp(std::lround(level), 0L, 255L));
      }
    }
  }
  return picture;
}

}  // namespace

SamplePicture SampleGenerator::Next() {
  if (view_ == views_of_part_) {
    ++part_;
    view_ = 0;
  }
  SeededRandom random(Mix64(seed_) ^ part_);
  if (view_ == 0) {
    constexpr double kSecondView = 0.28;
    constexpr double kThirdView = 0.2;
    views_of_part_ = !Chance(random, kSecondView) ? 1 : !Chance(random, kThirdView) ? 2 : 3;
  }
  SeededRandom part_random(Mix64(Mix64(seed_) ^ part_));
  const Part part = DrawPart(part_random);
  const double light_angle = Between(part_random, 0, 2 * std::numbers::pi);
  SeededRandom view_random(part_random.Next() + static_cast<uint64_t>(view_));
  const View view = DrawView(view_random, light_angle, view_ == 0);

  SamplePicture picture;
  picture.file_name = absl::StrFormat("part_%04d_%c.jpg", part_, 'a' + view_);
  Grid grid;
  for (const std::optional<SampleBox>& box : LayOut(part, view, grid)) {
    if (box.has_value()) picture.boxes.push_back(*box);
  }
  picture.pixels = Photograph(part, view, grid);
  ++view_;
  return picture;
}

}  // namespace loupe
