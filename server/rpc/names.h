// Checks of names that people choose.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace loupe {

// Length of a UTF-8 text in code points.
size_t CharacterCount(const std::string& text);

// A name has 1 to 100 characters: letters, digits, `-`, `_` and `.`. The message calls it `what`.
// Errors: INVALID_ARGUMENT.
absl::Status CheckIdentifier(const char* what, const std::string& name);

}  // namespace loupe
