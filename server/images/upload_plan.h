// Which of the pictures that a person chose in a browser are imported, and with which labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "loupe/v1/project.pb.h"
#include "loupe/v1/upload.pb.h"

namespace loupe {

struct UploadPlan {
  std::vector<v1::PictureHeader> headers;  // all but size_bytes
  std::vector<size_t> places;              // of the headers' pictures in the request
  std::vector<size_t> left_out;            // places of pictures that the COCO file doesn't name
  uint64_t boxes_clipped = 0;              // boxes of the COCO file that reached at most a pixel beyond
};

// Every picture, without labels.
UploadPlan PlanPictures(const v1::ImportUploadsRequest& request);

// The pictures that a COCO file names. `json`: its text. Errors: INVALID_ARGUMENT (BAD_COCO: the list of its
// problems; each names its image, annotation or category).
absl::StatusOr<UploadPlan> PlanCoco(const v1::ImportUploadsRequest& request, const v1::Project& project,
                                    std::string_view json);

}  // namespace loupe
