// What a line asks of the renderer.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"
#include "content/intensity_range.h"

namespace loupe {

struct RenderRequest {
  std::filesystem::path in;   // a picture file
  std::filesystem::path out;  // replaced if it is there
  int max_side = 0;           // in pixels; 0: full size
  IntensityRange range;       // of a picture with 16 bits
};

// line: IN, OUT, MAX_SIDE, LOW and HIGH, with tabs between them; without the line's end.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<RenderRequest> ParseRenderRequest(const std::string& line);

}  // namespace loupe
