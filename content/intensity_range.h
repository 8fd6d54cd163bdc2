// What the levels of pictures with 16 bits mean.
#pragma once

#include <cstdint>

namespace loupe {

// Black at `low` and below, white at `high` and above. Cameras of 10 or 12 bits use a part of the range.
// Requires: low < high.
struct IntensityRange {
  uint16_t low = 0;
  uint16_t high = 65535;
};

}  // namespace loupe
