// File names for an export that are safe to write below one folder.
#pragma once

#include <string>
#include <vector>

#include "loupe/v1/annotation.pb.h"

namespace loupe {

// A name for each image, in the same order; no two share a file. It is the image's own name, without `.` and
// empty parts, unless that leads out of the folder, has a part over 255 bytes, is a folder of another name,
// or belongs to an image before it; then `image-ID.jpg` or the like, with a number where that is taken, too.
// Names that differ only in case count as the same, since some file systems don't tell them apart.
std::vector<std::string> ExportNames(const std::vector<v1::Image>& images);

}  // namespace loupe
