// Names that people give.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace loupe {

// Length of a UTF-8 text in characters.
size_t CharacterCount(const std::string& text);

// 1 to 100 characters: letters, digits, `-`, `_`, `.`. `what` stands in the message. Errors:
// INVALID_ARGUMENT.
absl::Status CheckIdentifier(const char* what, const std::string& name);

}  // namespace loupe
