#include "worker/sample/sample_defect.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace loupe::sample {
namespace {

constexpr double kTau = 2 * std::numbers::pi;

double Falloff(double distance, double full, double none) {
  const double t = std::clamp((none - distance) / (none - full), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

double DistanceToSegment(Point p, Point a, Point b) {
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double length2 = dx * dx + dy * dy;
  const double t = length2 > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length2, 0.0, 1.0) : 0.0;
  return Length(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

}  // namespace

DefectKind DrawKind(SeededRandom& random) {
  double left = random.Uniform();
  for (size_t i = 0; i + 1 < kDefectClasses.size(); ++i) {
    left -= kDefectClasses[i].share;
    if (left < 0) return static_cast<DefectKind>(i);
  }
  return DefectKind::kCrack;
}

Defect::Defect(DefectKind kind, Point center, uint64_t seed)
    : kind_(kind), center_(center), noise_(evaluation::Mix64(seed)) {
  SeededRandom random(seed);
  strength_ = Between(random, 0.55, 1);
  switch (kind) {
    case DefectKind::kScratch:
      DrawScratch(random);
      break;
    case DefectKind::kCrack:
      DrawCrack(random);
      break;
    case DefectKind::kPit:
      DrawBlob(random, 4, 8, 0.7, 0.25);
      break;
    case DefectKind::kDent:
      DrawBlob(random, 9, 18, 0.6, 0.05);
      break;
    case DefectKind::kStain:
      DrawBlob(random, 10, 24, 0.5, 0.5);
      ring_ = Chance(random, 0.4);
      tint_ = Between(random, -0.05, 0.12);
      break;
  }
}

void Defect::DrawScratch(SeededRandom& random) {
  bright_ = Chance(random, 0.7);
  const double length = Between(random, 24, 76);
  const double width = Between(random, 0.8, 1.7);
  double angle = Between(random, 0, kTau);
  const double bend = Between(random, -0.5, 0.5);
  constexpr int kPieces = 8;
  const double step = length / kPieces;
  Point at = {center_.x - length / 2 * std::cos(angle + bend / 2),
              center_.y - length / 2 * std::sin(angle + bend / 2)};
  for (int i = 0; i < kPieces; ++i) {
    const Point next = {at.x + step * std::cos(angle), at.y + step * std::sin(angle)};
    const double taper = i == 0 || i == kPieces - 1 ? 0.75 : 1;
    stroke_.push_back({at, next, width * taper});
    at = next;
    angle += bend / kPieces;
  }
  reach_ = length;
}

void Defect::AddCrackBranch(SeededRandom& random, Point from, double angle, double length, double width) {
  const double heading = angle;
  while (length > 0) {
    const double step = Between(random, 2.5, 6);
    angle = heading + Between(random, -0.9, 0.9);
    const Point next = {from.x + step * std::cos(angle), from.y + step * std::sin(angle)};
    stroke_.push_back({from, next, width});
    if (width > 0.8 && Chance(random, 0.16)) {
      AddCrackBranch(random, next, heading + (Chance(random, 0.5) ? 0.9 : -0.9), length * 0.4, width * 0.75);
    }
    from = next;
    length -= step;
  }
}

void Defect::DrawCrack(SeededRandom& random) {
  const double length = Between(random, 28, 60);
  const double angle = Between(random, 0, kTau);
  const Point from = {center_.x - length / 2 * std::cos(angle), center_.y - length / 2 * std::sin(angle)};
  AddCrackBranch(random, from, angle, length, Between(random, 0.9, 1.3));
  reach_ = 1.3 * length;
}

void Defect::DrawBlob(SeededRandom& random, double low_radius, double high_radius, double flatness,
                      double ragged) {
  radius_ = Between(random, low_radius, high_radius);
  stretch_ = Between(random, flatness, 1);
  ragged_ = ragged;
  const double angle = Between(random, 0, kTau);
  axis_[0] = std::cos(angle);
  axis_[1] = std::sin(angle);
  reach_ = radius_ * (1.3 + ragged);
}

double Defect::DistanceToStroke(Point p) const {
  double best = 1e9;
  for (const Segment& segment : stroke_) {
    best = std::min(best, DistanceToSegment(p, segment.from, segment.to) / segment.width);
  }
  return best;
}

double Defect::DistanceToBlob(Point p) const {
  const double dx = p.x - center_.x;
  const double dy = p.y - center_.y;
  const double u = dx * axis_[0] + dy * axis_[1];
  const double v = (dy * axis_[0] - dx * axis_[1]) / stretch_;
  const double distance = Length(u, v);
  if (distance == 0) return 0;
  // The noise is sampled along a circle, so that the outline is closed.
  const double stray = noise_.At(1.6 * u / distance + 5, 1.6 * v / distance + 5);
  return distance / (radius_ * (1 + ragged_ * stray));
}

double Defect::Apply(Point p, Texel& texel) const {
  if (!texel.is_part || Length(p.x - center_.x, p.y - center_.y) > reach_) return 0;
  switch (kind_) {
    case DefectKind::kScratch: {
      const double there = Falloff(DistanceToStroke(p), 0.5, 1.7);
      texel.height -= 0.7 * strength_ * there;
      texel.albedo *= 1 + (bright_ ? 0.55 : -0.45) * strength_ * there;
      return there;
    }
    case DefectKind::kCrack: {
      const double there = Falloff(DistanceToStroke(p), 0.5, 1.6);
      texel.height -= 0.8 * strength_ * there;
      texel.albedo *= 1 - 0.7 * strength_ * there;
      return there;
    }
    case DefectKind::kPit: {
      const double distance = DistanceToBlob(p);
      const double there = Falloff(distance, 0.75, 1.2);
      texel.height -= 2.5 * strength_ * Falloff(distance, 0, 1.1);
      texel.albedo *= 1 - 0.5 * strength_ * there * (0.8 + 0.2 * noise_.At(p.x * 0.6, p.y * 0.6));
      return there;
    }
    case DefectKind::kDent: {
      const double distance = DistanceToBlob(p);
      texel.height -= 0.3 * radius_ * strength_ * Falloff(distance, 0, 1);
      return distance < 0.95 ? 1 : 0;
    }
    case DefectKind::kStain: {
      const double distance = DistanceToBlob(p);
      const double there = Falloff(distance, 0.8, 1.15);
      const double rim = ring_ ? 0.45 + 0.55 * Falloff(std::abs(distance - 0.9), 0, 0.3) : 1;
      texel.albedo *=
          1 - 0.38 * strength_ * there * rim * (0.85 + 0.3 * noise_.Fractal(p.x * 0.12, p.y * 0.12));
      texel.tint += tint_ * strength_ * there;
      return there;
    }
  }
  return 0;
}

}  // namespace loupe::sample
