// What texts from outside may hold.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace loupe {

// Whether the bytes are UTF-8, without surrogates and overlong forms.
bool IsUtf8(std::string_view bytes);

// How many bytes a control character (U+0000 to U+001F, U+007F to U+009F) takes at this place of a UTF-8
// text; 0: there is none. It could act on a terminal or split a line of a log.
size_t ControlCharacterAt(std::string_view text, size_t at);

// The same of a character that changes the direction of the text behind it (Unicode's Bidi_Control). On a
// terminal another text seems to stand there. Names and notes may hold it.
size_t BidiControlAt(std::string_view text, size_t at);

// Whether a UTF-8 text holds a control character. `allow_lines`: tabs and line ends are no such characters.
bool HasControlCharacter(std::string_view text, bool allow_lines = false);

// Code points of a UTF-8 text, and back.
std::wstring WideOf(const std::string& text);
std::string NarrowOf(const std::wstring& text);

}  // namespace loupe
