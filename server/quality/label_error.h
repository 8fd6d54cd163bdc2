// What became of a likely error in a label.
#pragma once

#include <span>

#include "loupe/v1/annotation.pb.h"

namespace loupe::quality {

// Whether the truth was changed where the error is: the box that seemed wrong isn't as it was, or something
// of the class now has a box where one seemed to be missing (IoU of at least 0.5).
bool IsMended(const v1::LabelError& error, std::span<const v1::LabelBox> before,
              std::span<const v1::LabelBox> after);

}  // namespace loupe::quality
