// A COCO file against the pictures that it names.
#pragma once

#include "absl/status/status.h"
#include "coco/coco_file.h"

namespace loupe {

// Requires: the file was read with its images_dir. Reads the header of every picture, gives images without a
// size the picture's, and clips boxes that reach at most a pixel beyond it. Errors: INVALID_ARGUMENT (up to
// 20 problems, one per line: a picture that can't be used, one of another size than the file says, a box that
// reaches further beyond its picture).
absl::Status FitToPictures(CocoFile& coco);

}  // namespace loupe
