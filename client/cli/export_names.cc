#include "client/cli/export_names.h"

#include <utf8proc.h>

#include <cstdlib>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "content/text.h"

namespace loupe {
namespace {

// Of ext4, NTFS and APFS.
constexpr size_t kMaxPart = 255;

// The name without `.` and empty parts; empty: it can't be used.
std::string Normal(const std::string& name) {
  if (!IsUtf8(name) || HasControlCharacter(name) || name.find('\\') != std::string::npos) return "";
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part == ".." || part.size() > kMaxPart) return "";
    if (!part.empty() && part != ".") parts.emplace_back(part);
  }
  const bool to_a_folder = name.empty() || name.back() == '/';
  return to_a_folder || name.front() == '/' ? "" : absl::StrJoin(parts, "/");
}

// Equal for names that a file system takes for the same which doesn't tell case, or ways to write an accent,
// apart. name: UTF-8.
std::string Folded(const std::string& name) {
  utf8proc_uint8_t* folded = nullptr;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD);
  const auto length = static_cast<utf8proc_ssize_t>(name.size());
  const utf8proc_ssize_t made =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(name.data()), length, &folded, options);
  if (made < 0) return name;  // out of memory
  const std::string key(reinterpret_cast<const char*>(folded), static_cast<size_t>(made));
  std::free(folded);  // NOLINT: the library's malloc
  return key;
}

std::string Extension(const std::string& media_type) {
  static const std::unordered_map<std::string, std::string> extensions = {
      {"image/png", ".png"}, {"image/bmp", ".bmp"}, {"image/tiff", ".tiff"}, {"image/webp", ".webp"}};
  const auto found = extensions.find(media_type);
  return found == extensions.end() ? ".jpg" : found->second;
}

// Files and folders that are spoken for, folded.
class Taken {
 public:
  // False: the name can't be a file beside those that are there.
  bool Take(const std::string& name) {
    const std::string key = Folded(name);
    if (folders_.contains(key) || files_.contains(key)) return false;
    for (const std::string& folder : FoldersOf(key)) {
      if (files_.contains(folder)) return false;
    }
    for (const std::string& folder : FoldersOf(key)) folders_.insert(folder);
    files_.insert(key);
    return true;
  }

 private:
  static std::vector<std::string> FoldersOf(const std::string& key) {
    std::vector<std::string> folders;
    for (size_t slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1)) {
      folders.push_back(key.substr(0, slash));
    }
    return folders;
  }

  std::unordered_set<std::string> files_, folders_;
};

}  // namespace

std::vector<std::string> ExportNames(const std::vector<v1::Image>& images) {
  Taken taken;
  std::vector<std::string> names(images.size());
  // Own names first, so that no made-up name takes one of them.
  for (size_t i = 0; i < images.size(); ++i) {
    const std::string own = Normal(images[i].file_name());
    if (!own.empty() && taken.Take(own)) names[i] = own;
  }
  for (size_t i = 0; i < images.size(); ++i) {
    if (!names[i].empty()) continue;
    const std::string extension = Extension(images[i].media_type());
    names[i] = absl::StrCat("image-", images[i].id(), extension);
    for (int number = 2; !taken.Take(names[i]); ++number) {
      names[i] = absl::StrCat("image-", images[i].id(), "-", number, extension);
    }
  }
  return names;
}

}  // namespace loupe
