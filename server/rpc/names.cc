#include "server/rpc/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/error_info.h"

namespace loupe {

size_t CharacterCount(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

absl::Status CheckIdentifier(const char* what, const std::string& name) {
  const bool spelled = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (spelled && !name.empty() && name.size() <= 100) return absl::OkStatus();
  return InvalidArgument(
      absl::StrCat(what, " must have 1 to 100 characters, of letters, digits, `-`, `_` and `.`"));
}

}  // namespace loupe
