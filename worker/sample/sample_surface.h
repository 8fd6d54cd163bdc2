// The metal of a made-up part: the height and the brightness of its surface at each place.
//
// Places are in pixels of the part. A picture shows about 128 x 128 of them (`View` in sample.cc).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "evaluation/seeded_random.h"

namespace loupe::sample {

using evaluation::SeededRandom;

constexpr int kPictureSide = 128;  // pixels

struct Point {
  double x = 0;
  double y = 0;
};

// std::hypot would be many times slower, since it avoids overflow.
inline double Length(double x, double y) { return std::sqrt(x * x + y * y); }

// Uniform in [low, high).
double Between(SeededRandom& random, double low, double high);
bool Chance(SeededRandom& random, double probability);

// Smooth noise over the plane, in [-1, 1]. Values about 1 pixel apart are independent.
class Noise {
 public:
  explicit Noise(uint64_t seed) : seed_(seed) {}
  double At(double x, double y) const;
  // The sum of three octaves; each is half as strong and half as wide as the previous one.
  double Fractal(double x, double y) const;

 private:
  double Lattice(int64_t x, int64_t y) const;
  uint64_t seed_;
};

// The surface at one place.
struct Texel {
  double height = 0;     // pixels, up
  double albedo = 1;     // the factor on the reflected light
  double tint = 0;       // brown above 0, blue below
  bool is_part = true;   // false for the background and the inside of a hole
  bool is_busy = false;  // in a groove or a stamped number, where a defect is hard to see
};

enum class Finish { kTurned, kMilled, kGround, kCast };

// The surface of a part without defects, with holes, an edge, a groove and a stamped number.
class Surface {
 public:
  explicit Surface(uint64_t seed);
  Texel At(Point p) const;
  // Red, green and blue of the metal, each in about [0.3, 0.9].
  const std::array<double, 3>& color() const { return color_; }
  double gloss() const { return gloss_; }

 private:
  struct Hole {
    Point center;
    double radius;
    double chamfer;
  };
  double FinishHeight(Point p) const;
  double StampDepth(Point p) const;
  void ApplyFeatures(Point p, Texel& texel) const;
  void DrawFeatures(SeededRandom& random);

  Noise noise_;
  Finish finish_;
  std::array<double, 3> color_ = {};
  double gloss_ = 0;
  double roughness_ = 0;
  double pitch_ = 0;  // pixels between tool marks
  double direction_[2] = {1, 0};
  Point center_;  // of the turning, or of the cutter's arcs
  std::vector<Hole> holes_;
  bool has_edge_ = false;
  double edge_[3] = {};  // unit normal and distance: background where n·p > d
  bool has_groove_ = false;
  double groove_[4] = {};  // unit normal, distance and half width
  bool has_stamp_ = false;
  Point stamp_;
  std::array<int, 3> digits_ = {};
};

}  // namespace loupe::sample
