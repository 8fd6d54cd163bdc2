// The image that a request names.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

class Transaction;

// By file name, or by id where `file_name` is empty. Errors: NOT_FOUND (NO_SUCH_IMAGE), INVALID_ARGUMENT
// (AMBIGUOUS_NAME: several images have the name; the message tells their ids).
absl::StatusOr<v1::Image> FindAskedImage(Transaction& transaction, ProjectId project, int64_t image_id,
                                         const std::string& file_name);

}  // namespace loupe
