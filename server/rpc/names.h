// Checks of names that people give.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace loupe {

// Length of a UTF-8 text in characters.
size_t CharacterCount(const std::string& text);

// OK for 1 to 100 characters of letters, digits, `-`, `_` and `.`. `what` begins the message, e.g. "the name
// of a project". Errors: INVALID_ARGUMENT.
absl::Status CheckIdentifier(const char* what, const std::string& name);

}  // namespace loupe
