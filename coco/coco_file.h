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
  int width = 0;          // pixels; 0 when the file doesn't give it
  int height = 0;
};

struct CocoAnnotation {
  int64_t id = 0;
  int64_t image_id = 0;
  int64_t category_id = 0;
  std::array<double, 4> bbox = {};  // x, y, width, height in pixels
  double area = 0;                  // square pixels; width * height when the file doesn't give it
  bool iscrowd = false;             // a region to ignore
  std::string more = "";            // further members as JSON, `, "name": value` each; only written
};

struct CocoCategory {
  int64_t id = 0;
  std::string name;
};

struct CocoFile {
  std::vector<CocoImage> images;
  std::vector<CocoAnnotation> annotations;
  std::vector<CocoCategory> categories;
  int64_t clipped_boxes = 0;  // boxes that reached beyond their image by at most a pixel
  // Where the pictures are: CocoReadOptions::images_dir; or the folder above it, where the file's names begin
  // with its name; or `images` in it.
  std::filesystem::path images_dir;
};

// kTruth: labels to import or to train on. Everything is checked, and overhangs of at most a pixel are
// clipped. kEvaluation: ground truth for metrics. Boxes keep their exact numbers. Names and sizes are not
// read, since metrics don't need them.
enum class CocoPurpose { kTruth, kEvaluation };

struct CocoReadOptions {
  CocoPurpose purpose = CocoPurpose::kTruth;
  std::filesystem::path images_dir;  // when given, every image's file must be there, or all as said above
};

// Clips a box [x, y, width, height] that reaches at most a pixel beyond an image of this size. A side within
// the image keeps its exact numbers. The box stays as it was where it doesn't fit.
struct ClipResult {
  double overhang = 0;  // how far it reached beyond, in pixels
  bool fits = false;    // at most a pixel, and something of it is inside
};
ClipResult ClipOverhang(int width, int height, std::array<double, 4>& box);

// Reads and checks a whole file.
// Errors: NOT_FOUND when the file is not there; INVALID_ARGUMENT when it is broken JSON (the message names
// line and column) or has problems (the message lists the first 20, one per line, each with the id of its
// image or annotation, and counts the others). Problems: an image that is not in images_dir; a file name that
// is absolute or holds `..` or NUL; an id or file name that is there twice; an annotation of an unknown image
// or category; a box of zero, negative or infinite size, or more than a pixel outside its image; a field that
// is missing or has a wrong type.
absl::StatusOr<CocoFile> ReadCocoFile(const std::filesystem::path& path, const CocoReadOptions& options = {});

// The same from text. Messages call the file `name`.
absl::StatusOr<CocoFile> ParseCocoFile(std::string_view json, const std::string& name,
                                       const CocoReadOptions& options = {});

// Writes or replaces a file, which is whole or not there. ReadCocoFile reads it back as equal.
// Errors: UNAVAILABLE when it can't be written, INVALID_ARGUMENT for a number that is not finite.
absl::Status WriteCocoFile(const CocoFile& file, const std::filesystem::path& path);

}  // namespace loupe
