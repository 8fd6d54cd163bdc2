#include "content/text.h"

#include <codecvt>
#include <cstdint>
#include <locale>

namespace loupe {
namespace {

// How many bytes follow the first one of a character, and the smallest code point of that length.
struct Length {
  int more = -1;  // -1: no first byte
  uint32_t least = 0;
};

Length LengthOf(unsigned char first) {
  if (first < 0x80) return {0, 0};
  if (first >= 0xc2 && first < 0xe0) return {1, 0x80};
  if (first >= 0xe0 && first < 0xf0) return {2, 0x800};
  if (first >= 0xf0 && first < 0xf5) return {3, 0x10000};
  return {};
}

}  // namespace

bool IsUtf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const Length length = LengthOf(first);
    if (length.more < 0 || bytes.size() - at <= static_cast<size_t>(length.more)) return false;
    uint32_t point = length.more == 0 ? first : first & (0x3fU >> length.more);
    for (int i = 1; i <= length.more; ++i) {
      const auto next = static_cast<unsigned char>(bytes[at + i]);
      if ((next & 0xc0U) != 0x80U) return false;
      point = point << 6U | (next & 0x3fU);
    }
    const bool surrogate = point >= 0xd800 && point < 0xe000;
    if (point < length.least || surrogate || point > 0x10ffff) return false;
    at += 1 + length.more;
  }
  return true;
}

size_t ControlCharacterAt(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x20 || byte == 0x7f) return 1;
  const auto next = static_cast<unsigned char>(at + 1 < text.size() ? text[at + 1] : 0);
  return byte == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

size_t BidiControlAt(std::string_view text, size_t at) {
  constexpr std::string_view kControls[] = {"\u061c", "\u200e", "\u200f", "\u202a", "\u202b", "\u202c",
                                            "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"};
  for (const std::string_view control : kControls) {
    if (text.substr(at, control.size()) == control) return control.size();
  }
  return 0;
}

bool HasControlCharacter(std::string_view text, bool allow_lines) {
  for (size_t at = 0; at < text.size(); ++at) {
    const bool of_lines = text[at] == '\n' || text[at] == '\t' || text[at] == '\r';
    if (ControlCharacterAt(text, at) > 0 && !(allow_lines && of_lines)) return true;
  }
  return false;
}

std::wstring WideOf(const std::string& text) {
  return std::wstring_convert<std::codecvt_utf8<wchar_t>>().from_bytes(text);
}

std::string NarrowOf(const std::wstring& text) {
  return std::wstring_convert<std::codecvt_utf8<wchar_t>>().to_bytes(text);
}

}  // namespace loupe
