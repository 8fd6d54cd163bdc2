#include "worker/sample/sample_surface.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace loupe::sample {
namespace {

using evaluation::Mix64;

constexpr double kFullTurn = 2 * std::numbers::pi;

double SmoothStep(double low, double high, double x) {
  const double t = std::clamp((x - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

// The segments of seven-segment digits. Bit 0 is the top segment, then clockwise; bit 6 is the middle one.
constexpr std::array<int, 10> kSegments = {0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f};

// Whether a place in a cell of 1 x 2 is on a stroke of the digit.
bool OnDigit(double x, double y, int digit) {
  constexpr double kStroke = 0.14;
  constexpr double kLines[7][4] = {{0, 0, 1, 0}, {1, 0, 1, 1}, {1, 1, 1, 2}, {0, 2, 1, 2},
                                   {0, 1, 0, 2}, {0, 0, 0, 1}, {0, 1, 1, 1}};
  for (int i = 0; i < 7; ++i) {
    if ((kSegments[digit] >> i & 1) == 0) continue;
    const auto& line = kLines[i];
    if (x > line[0] - kStroke && x < line[2] + kStroke && y > line[1] - kStroke && y < line[3] + kStroke)
      return true;
  }
  return false;
}

}  // namespace

double Between(SeededRandom& random, double low, double high) {
  return low + (high - low) * random.Uniform();
}

bool Chance(SeededRandom& random, double probability) { return random.Uniform() < probability; }

double Noise::Lattice(int64_t x, int64_t y) const {
  const uint64_t bits =
      Mix64(seed_ ^ Mix64(static_cast<uint64_t>(x) * 0x632be59bd9b4e019U + static_cast<uint64_t>(y)));
  return static_cast<double>(bits >> 11U) * 0x1p-52 - 1;
}

double Noise::At(double x, double y) const {
  const double floor_x = std::floor(x);
  const double floor_y = std::floor(y);
  const auto ix = static_cast<int64_t>(floor_x);
  const auto iy = static_cast<int64_t>(floor_y);
  const double u = SmoothStep(0, 1, x - floor_x);
  const double v = SmoothStep(0, 1, y - floor_y);
  const double top = std::lerp(Lattice(ix, iy), Lattice(ix + 1, iy), u);
  const double bottom = std::lerp(Lattice(ix, iy + 1), Lattice(ix + 1, iy + 1), u);
  return std::lerp(top, bottom, v);
}

double Noise::Fractal(double x, double y) const {
  return (At(x, y) + 0.5 * At(2 * x + 17, 2 * y + 31) + 0.25 * At(4 * x + 57, 4 * y + 71)) / 1.75;
}

Surface::Surface(uint64_t seed) : noise_(Mix64(seed)) {
  SeededRandom random(seed);
  finish_ = static_cast<Finish>(random.Below(4));
  const double grey = finish_ == Finish::kCast ? Between(random, 0.36, 0.55) : Between(random, 0.48, 0.72);
  const double warmth = Between(random, -0.05, 0.05);
  color_ = {grey * (1 + warmth), grey, grey * (1 - warmth)};
  gloss_ = finish_ == Finish::kCast ? 0.05 : Between(random, 0.1, 0.3);
  roughness_ = Between(random, 0.5, 1);
  pitch_ = finish_ == Finish::kMilled ? Between(random, 7, 15) : Between(random, 3, 7);
  const double angle = Between(random, 0, kFullTurn);
  direction_[0] = std::cos(angle);
  direction_[1] = std::sin(angle);
  const double distance = finish_ == Finish::kMilled ? Between(random, 120, 300) : Between(random, 0, 200);
  center_ = {kPictureSide / 2.0 + distance * direction_[0], kPictureSide / 2.0 + distance * direction_[1]};
  DrawFeatures(random);
}

void Surface::DrawFeatures(SeededRandom& random) {
  const double angle = Between(random, 0, kFullTurn);
  const double nx = std::cos(angle);
  const double ny = std::sin(angle);
  const double middle = kPictureSide / 2.0 * (nx + ny);
  has_edge_ = Chance(random, 0.4);
  if (has_edge_) {
    edge_[0] = nx;
    edge_[1] = ny;
    edge_[2] = middle + Between(random, 32, 58);
  }
  has_groove_ = Chance(random, 0.25);
  if (has_groove_) {
    groove_[0] = -ny;
    groove_[1] = nx;
    groove_[2] = kPictureSide / 2.0 * (nx - ny) + Between(random, -50, 50);
    groove_[3] = Between(random, 1.5, 4);
  }
  const uint64_t holes = Chance(random, 0.5) ? 1 + random.Below(3) : 0;
  const double radius = Between(random, 5, 14);
  for (uint64_t i = 0; i < holes; ++i) {
    const Hole hole = {{Between(random, 5, kPictureSide - 5), Between(random, 5, kPictureSide - 5)},
                       radius,
                       Between(random, 1, 3)};
    const bool apart = std::all_of(holes_.begin(), holes_.end(), [&](const Hole& other) {
      return Length(other.center.x - hole.center.x, other.center.y - hole.center.y) > 3 * radius;
    });
    if (apart) holes_.push_back(hole);
  }
  has_stamp_ = Chance(random, 0.25);
  stamp_ = {Between(random, 10, 85), Between(random, 10, 100)};
  for (int& digit : digits_) digit = static_cast<int>(random.Below(10));
}

double Surface::FinishHeight(Point p) const {
  const double along = p.x * direction_[0] + p.y * direction_[1];
  const double across = p.x * -direction_[1] + p.y * direction_[0];
  const double grain = noise_.Fractal(p.x * 0.7, p.y * 0.7);
  switch (finish_) {
    case Finish::kTurned: {
      const double r = Length(p.x - center_.x, p.y - center_.y);
      const double wander = noise_.At(r * 0.07, 3.5);
      return roughness_ * (0.22 * std::sin(kFullTurn * r / pitch_ + 4 * wander) +
                           0.5 * noise_.Fractal(r * 0.6, along * 0.01) + 0.15 * grain);
    }
    case Finish::kMilled: {
      const double r = Length(p.x - center_.x, p.y - center_.y);
      const double phase = r / pitch_ - std::floor(r / pitch_);
      return roughness_ *
             (0.6 * phase * (1 - phase) * 4 + 0.35 * noise_.Fractal(r * 0.8, along * 0.012) + 0.15 * grain);
    }
    case Finish::kGround:
      return roughness_ * (0.85 * noise_.Fractal(across * 0.65, along * 0.025) + 0.15 * grain);
    case Finish::kCast:
      return roughness_ * (0.9 * noise_.Fractal(p.x * 0.22, p.y * 0.22) + 0.5 * grain);
  }
  return 0;
}

double Surface::StampDepth(Point p) const {
  constexpr double kCell = 6;  // pixels across a digit
  const double row = (p.y - stamp_.y) / kCell;
  if (row < -0.2 || row > 2.2) return 0;
  for (size_t i = 0; i < digits_.size(); ++i) {
    if (OnDigit((p.x - stamp_.x) / kCell - 1.6 * static_cast<double>(i), row, digits_[i])) return 1;
  }
  return 0;
}

void Surface::ApplyFeatures(Point p, Texel& texel) const {
  if (has_groove_) {
    const double distance = std::abs(groove_[0] * p.x + groove_[1] * p.y - groove_[2]);
    const double inside = 1 - SmoothStep(groove_[3] - 1, groove_[3] + 1, distance);
    texel.is_busy = inside > 0;
    texel.height -= 2 * inside;
    texel.albedo *= 1 - 0.25 * inside;
  }
  if (has_stamp_ && StampDepth(p) > 0) {
    texel.is_busy = true;
    texel.height -= 0.8;
    texel.albedo *= 0.72;
  }
  for (const Hole& hole : holes_) {
    const double distance = Length(p.x - hole.center.x, p.y - hole.center.y);
    const double rim = SmoothStep(hole.radius, hole.radius + hole.chamfer, distance);
    if (rim < 1) texel.height -= 1.6 * (1 - rim) * hole.chamfer;
    if (distance < hole.radius) {
      texel.is_part = false;
      texel.height = -3 * hole.chamfer;
      texel.albedo = 0.18 + 0.12 * SmoothStep(-hole.radius, hole.radius, p.y - hole.center.y);
    }
  }
  if (has_edge_) {
    const double beyond = edge_[0] * p.x + edge_[1] * p.y - edge_[2];
    texel.height -= 1.2 * std::clamp(beyond + 3, 0.0, 3.0);
    if (beyond > 0) {
      texel.is_part = false;
      texel.height = -4;
      texel.albedo = 0.2 + 0.05 * noise_.Fractal(p.x * 0.1, p.y * 0.1);
    }
  }
}

Texel Surface::At(Point p) const {
  Texel texel;
  texel.height = FinishHeight(p);
  texel.albedo = 1 + 0.07 * noise_.Fractal(p.x * 0.04 + 9, p.y * 0.04 + 9) + 0.06 * texel.height;
  ApplyFeatures(p, texel);
  return texel;
}

}  // namespace loupe::sample
