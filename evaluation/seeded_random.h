// Random numbers that are the same on every machine and with every standard library.
#pragma once

#include <cstdint>

namespace loupe::evaluation {

// One step of splitmix64: a one-to-one map of 64-bit numbers that looks random.
// Source: Steele, Lea, Flood 2014.
constexpr uint64_t Mix64(uint64_t bits) {
  bits += 0x9e3779b97f4a7c15U;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

class SeededRandom {
 public:
  explicit SeededRandom(uint64_t seed) : state_(Mix64(seed)) {}

  uint64_t Next() {
    const uint64_t drawn = Mix64(state_);
    state_ += 0x9e3779b97f4a7c15U;
    return drawn;
  }

  // Uniform in [0, n), except for a bias below n / 2^64. Requires: n > 0.
  // Source: Lemire 2019, without the rejection step.
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * n) >> 64U);
  }

  // Uniform in [0, 1), a multiple of 2^-53.
  double Uniform() { return static_cast<double>(Next() >> 11U) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace loupe::evaluation
