// What texts from outside may hold.
#pragma once

#include <string_view>

namespace loupe {

// Whether the bytes are UTF-8, without surrogates and overlong forms.
bool IsUtf8(std::string_view bytes);

// Whether a UTF-8 text holds a control character (U+0000 to U+001F, U+007F to U+009F), which could act on a
// terminal or split a line of a log. `allow_lines`: tabs and line ends are no such characters.
bool HasControlCharacter(std::string_view text, bool allow_lines = false);

}  // namespace loupe
