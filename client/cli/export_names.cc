#include "client/cli/export_names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace loupe {
namespace {

bool StaysBelowFolder(const std::string& name) {
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  for (const char c : name) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == '\\') return false;
  }
  return true;
}

}  // namespace

std::string ExportNames::NameFor(const v1::Image& image) {
  std::string name = image.file_name();
  if (!StaysBelowFolder(name) || !taken_.insert(absl::AsciiStrToLower(name)).second) {
    name = absl::StrCat("image-", image.id(), image.media_type() == "image/png" ? ".png" : ".jpg");
    taken_.insert(name);
  }
  return name;
}

}  // namespace loupe
