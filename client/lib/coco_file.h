// COCO annotation files: read for import, training and evaluation, written by export and `sample`.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

struct CocoImage {
  int64_t id = 0;
  std::string file_name;  // relative to the images' folder, with `/` between folders
  int width = 0;          // pixels; 0 when the file doesn't say
  int height = 0;
};

struct CocoAnnotation {
  int64_t id = 0;
  int64_t image_id = 0;
  int64_t category_id = 0;
  std::array<double, 4> bbox = {};  // x, y, width, height in pixels
  double area = 0;                  // square pixels; width * height when the file doesn't say
  bool iscrowd = false;             // a region to ignore
};

struct CocoCategory {
  int64_t id = 0;
  std::string name;
};

struct CocoFile {
  std::vector<CocoImage> images;
  std::vector<CocoAnnotation> annotations;
  std::vector<CocoCategory> categories;
  int64_t clipped_boxes = 0;  // boxes that hung over by at most a pixel and were clipped
};

// kTruth: labels to import or to train on. Every check; small overhangs are clipped.
// kEvaluation: ground truth for metrics. Boxes stay to the bit as they are, pictures need no names, and
// sizes aren't checked, since metrics need neither.
enum class CocoPurpose { kTruth, kEvaluation };

struct CocoReadOptions {
  CocoPurpose purpose = CocoPurpose::kTruth;
  std::filesystem::path images_dir;  // when given, every image's file must be in it
};

// Reads and checks a whole file.
// Errors: NOT_FOUND when the file is not there; INVALID_ARGUMENT when it is broken JSON (names line and
// column) or holds problems: the message then lists the first 20, one a line, each with the image's or
// annotation's id, and counts the rest. Problems: an image that is not in images_dir, an absolute file name
// or one with `..` or NUL, an id or file name that is there twice, an annotation of an unknown image or
// category, a box of zero, negative or infinite size or more than a pixel outside its image, a field that is
// missing or of a wrong type.
absl::StatusOr<CocoFile> ReadCocoFile(const std::filesystem::path& path, const CocoReadOptions& options = {});

// The same from text; `name` stands for the file in messages.
absl::StatusOr<CocoFile> ParseCocoFile(std::string_view json, const std::string& name,
                                       const CocoReadOptions& options = {});

// Writes a file that ReadCocoFile reads back as equal. Under a temporary name first, so that `path` is never
// half a file. Errors: UNAVAILABLE when it can't be written, INVALID_ARGUMENT for a number that is not
// finite.
absl::Status WriteCocoFile(const CocoFile& file, const std::filesystem::path& path);

}  // namespace loupe
