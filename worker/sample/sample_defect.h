// Defects of made-up parts: what they do to the surface, and where they can be seen.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "worker/sample/sample_surface.h"

namespace loupe::sample {

enum class DefectKind { kScratch, kPit, kStain, kDent, kCrack };

struct DefectClass {
  std::string_view name;
  double share;  // of all defects; they add up to 1
};

// By DefectKind: a long tail, with cracks in one box of thirty.
constexpr std::array<DefectClass, 5> kDefectClasses = {
    {{"scratch", 0.38}, {"pit", 0.26}, {"stain", 0.19}, {"dent", 0.137}, {"crack", 0.033}}};

// A kind, drawn by the shares.
DefectKind DrawKind(SeededRandom& random);

class Defect {
 public:
  // Around `center`, in the part's pixels; its shape is drawn from `seed`.
  Defect(DefectKind kind, Point center, uint64_t seed);

  DefectKind kind() const { return kind_; }
  Point center() const { return center_; }
  double reach() const { return reach_; }  // pixels from the center beyond which it changes nothing

  // Changes the surface at `p`. Returns how much of the defect is there, in [0, 1]: at a half and above
  // people would say that the place belongs to it.
  double Apply(Point p, Texel& texel) const;

 private:
  struct Segment {
    Point from;
    Point to;
    double width;  // half of it, in pixels
  };
  void DrawScratch(SeededRandom& random);
  void DrawCrack(SeededRandom& random);
  void DrawBlob(SeededRandom& random, double low_radius, double high_radius, double flatness, double ragged);
  void AddCrackBranch(SeededRandom& random, Point from, double angle, double length, double width);
  double DistanceToStroke(Point p) const;  // in half widths
  double DistanceToBlob(Point p) const;    // 0 in the middle, 1 on the outline

  DefectKind kind_;
  Point center_;
  Noise noise_;
  double reach_ = 0;
  double strength_ = 1;  // how plain it is to see, in (0, 1]
  bool bright_ = false;  // fresh metal, not dirt
  bool ring_ = false;    // a stain darker at its rim
  double tint_ = 0;
  std::vector<Segment> stroke_;
  double radius_ = 0;
  double stretch_ = 1;  // short over long half axis
  double ragged_ = 0;   // how far the outline strays from the ellipse, as a share of its radius
  double axis_[2] = {1, 0};
};

}  // namespace loupe::sample
