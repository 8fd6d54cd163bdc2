// File names for an export that are safe to write below one folder.
#pragma once

#include <string>
#include <unordered_set>

#include "loupe/v1/annotation.pb.h"

namespace loupe {

class ExportNames {
 public:
  // The image's own name. If it leads out of the folder or another image has it: `image-ID.jpg` or
  // `image-ID.png`. Names that differ only in case count as the same, since some file systems don't tell them
  // apart.
  std::string NameFor(const v1::Image& image);

 private:
  std::unordered_set<std::string> taken_;  // in lower case
};

}  // namespace loupe
