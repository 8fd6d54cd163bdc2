// File names of an export, safe to write below one folder.
#pragma once

#include <string>
#include <unordered_set>

#include "loupe/v1/annotation.pb.h"

namespace loupe {

class ExportNames {
 public:
  // The image's own name, unless that would lie outside the folder or another image has it: then
  // `image-ID.jpg` or `.png`. Two names are the same when they differ in case only, as some file systems have
  // it.
  std::string NameFor(const v1::Image& image);

 private:
  std::unordered_set<std::string> taken_;  // in lower case
};

}  // namespace loupe
