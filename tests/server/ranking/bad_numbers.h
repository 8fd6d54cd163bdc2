// Numbers that no figure may be.
#pragma once

#include <limits>

namespace loupe::ranking {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace loupe::ranking
