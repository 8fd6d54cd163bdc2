#include "renderer/request.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace loupe {

absl::StatusOr<RenderRequest> ParseRenderRequest(const std::string& line) {
  constexpr size_t kFields = 5;
  constexpr int kLargest = std::numeric_limits<uint16_t>::max();
  const std::vector<std::string> fields = absl::StrSplit(line, '\t');
  if (fields.size() != kFields) {
    return absl::InvalidArgumentError(
        absl::StrCat("a request has ", kFields, " fields with tabs between them, not ", fields.size()));
  }
  if (fields[0].empty() || fields[1].empty()) return absl::InvalidArgumentError("a path is empty");
  RenderRequest request{.in = fields[0], .out = fields[1], .max_side = 0, .range = {}};
  if (!absl::SimpleAtoi(fields[2], &request.max_side) || request.max_side < 0)
    return absl::InvalidArgumentError("MAX_SIDE is not a number of pixels");
  int low = 0;
  int high = 0;
  if (!absl::SimpleAtoi(fields[3], &low) || !absl::SimpleAtoi(fields[4], &high) || low < 0 || low >= high ||
      high > kLargest) {
    return absl::InvalidArgumentError(
        absl::StrCat("LOW and HIGH are not two levels from 0 to ", kLargest, ", the lower one first"));
  }
  request.range = {static_cast<uint16_t>(low), static_cast<uint16_t>(high)};
  return request;
}

}  // namespace loupe
