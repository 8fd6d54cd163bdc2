// What an import sends: which pictures, and which of them count as labelled. All problems of the caller's
// files are found here, before the first byte is sent.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/message_json.h"
#include "coco/coco_file.h"
#include "loupe/v1/image.pb.h"

namespace loupe {

// The options of the command line; empty where not given.
struct ImportChoice {
  std::filesystem::path images_dir{};
  std::filesystem::path coco_file{};
  std::string labelled{};  // none, boxes, all or @FILE
  std::string only{};      // @FILE
  std::string group_by{};  // regular expression (ECMAScript) on the file name
  bool blind = false;
};

struct PlannedPicture {
  std::filesystem::path path;
  v1::PictureHeader header;  // all but size_bytes
};

struct ImportPlan {
  std::vector<PlannedPicture> pictures;  // in the COCO file's order; else by file name
  // Import of a folder without a COCO file: the files that are not named as kPictureNames says, or hidden,
  // relative to the folder.
  std::vector<std::string> left_out;
  std::vector<std::string> skipped_folders;  // hidden ones and those of thumbnails, relative to the folder
  uint64_t ungrouped = 0;                    // pictures whose names the regular expression doesn't match
  int64_t clipped_boxes = 0;  // boxes of the whole COCO file that were clipped by at most a pixel
};

// Errors: usage error (options that don't go together, --labelled missing, a broken regular expression).
absl::Status CheckImportChoice(const ImportChoice& choice);

// Requires: CheckImportChoice() is OK.
// Errors: NOT_FOUND (a file or folder is not there); INVALID_ARGUMENT (problems in the files, up to 20, one
// per line).
absl::StatusOr<ImportPlan> PlanImport(const ImportChoice& choice, const ClassNames& classes);

// The part of PlanImport that comes after the files are read.
// `labelled_lines` and `only_lines`: the lines of the @FILEs, each a file name or a COCO image id. A line
// that is both counts as a file name. `only_lines` is ignored when `choice.only` is empty.
absl::StatusOr<ImportPlan> PlanCocoImport(const ImportChoice& choice, const ClassNames& classes,
                                          const CocoFile& coco,
                                          const std::vector<std::string>& labelled_lines,
                                          const std::vector<std::string>& only_lines);

}  // namespace loupe
