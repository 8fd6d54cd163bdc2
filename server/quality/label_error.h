// What became of a likely error in a label.
#pragma once

#include <span>

#include "loupe/v1/annotation.pb.h"

namespace loupe::quality {

// Whether the truth was changed as the error proposes, or as near as that: something of the class with an IoU
// of at least 0.5 is where it should be, and the box that seemed wrong isn't as it was; or the invented box
// is gone.
bool IsMended(const v1::LabelError& error, std::span<const v1::LabelBox> before,
              std::span<const v1::LabelBox> after);

}  // namespace loupe::quality
