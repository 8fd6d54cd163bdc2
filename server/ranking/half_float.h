// Half floats (IEEE 754 binary16), in which embeddings are stored.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace loupe::ranking {

// The bits of number i of little-endian half floats.
// Requires: at least 2·(i + 1) bytes.
inline uint16_t HalfAt(std::string_view halves, size_t i) {
  const auto low = static_cast<uint8_t>(halves[2 * i]);
  const auto high = static_cast<uint8_t>(halves[2 * i + 1]);
  return static_cast<uint16_t>(low | high << 8U);
}

constexpr bool IsFinite(uint16_t half) { return (half & 0x7c00U) != 0x7c00U; }

// Exact. Moves the bits to their places in a float, then scales by 2^(127 - 15), the difference of the
// exponents' offsets.
// Requires: IsFinite(half).
constexpr float FromHalf(uint16_t half) {
  const float magnitude = std::bit_cast<float>((half & 0x7fffU) << 13U) * 0x1p112F;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | (half & 0x8000U) << 16U);
}

}  // namespace loupe::ranking
