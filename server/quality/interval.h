// A figure and how far it is certain.
#pragma once

namespace loupe::quality {

struct Interval {
  double value = 0;
  double low = 0;
  double high = 0;
};

}  // namespace loupe::quality
