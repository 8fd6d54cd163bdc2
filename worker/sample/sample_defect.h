// Defects of made-up parts: how they change the surface, and where they are visible.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "worker/sample/sample_surface.h"

namespace loupe::sample {

enum class DefectKind { kScratch, kPit, kStain, kDent, kCrack };

struct DefectClass {
  std::string_view name;
  double share;  // of all defects; the shares add up to 1
};

// In the order of DefectKind. The shares have a long tail: one box in thirty is a crack.
constexpr std::array<DefectClass, 5> kDefectClasses = {
    {{"scratch", 0.38}, {"pit", 0.26}, {"stain", 0.19}, {"dent", 0.137}, {"crack", 0.033}}};

// Draws a kind with the probabilities of the shares.
DefectKind DrawKind(SeededRandom& random);

class Defect {
 public:
  // center: in pixels of the part. seed: determines the shape.
  Defect(DefectKind kind, Point center, uint64_t seed);

  DefectKind kind() const { return kind_; }
  Point center() const { return center_; }
  double reach() const {
    return reach_;
  }  // distance from the center, in pixels, beyond which it changes nothing

  // Changes the surface at `p`. Returns how strong the defect is there, in [0, 1]. From 0.5 on, people would
  // say that the place belongs to the defect.
  double Apply(Point p, Texel& texel) const;

 private:
  struct Segment {
    Point from;
    Point to;
    double width;  // half of the stroke's width, in pixels
  };
  void DrawScratch(SeededRandom& random);
  void DrawCrack(SeededRandom& random);
  void DrawBlob(SeededRandom& random, double low_radius, double high_radius, double flatness, double ragged);
  void AddCrackBranch(SeededRandom& random, Point from, double angle, double length, double width);
  double DistanceToStroke(Point p) const;  // in units of the half width
  double DistanceToBlob(Point p) const;    // 0 at the center, 1 on the outline

  DefectKind kind_;
  Point center_;
  Noise noise_;
  double reach_ = 0;
  double strength_ = 1;  // visibility, in (0, 1]
  bool bright_ = false;  // shows bare metal instead of dirt
  bool ring_ = false;    // a stain with a darker rim
  double tint_ = 0;
  std::vector<Segment> stroke_;
  double radius_ = 0;
  double stretch_ = 1;  // short half axis divided by the long one
  double ragged_ = 0;   // how far the outline deviates from the ellipse, as a share of the radius
  double axis_[2] = {1, 0};
};

}  // namespace loupe::sample
