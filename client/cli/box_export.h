// Exports of boxes with their lineage.
#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/message_json.h"
#include "client/lib/channel.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

// Calls `take` with each message of ProvenanceService.ExportBoxes. When the coordinator can't be reached for
// a moment, it begins again with `begin`. Errors: those of the two and of the RPC.
absl::Status ReadExport(const Connection& connection, const v1::ExportBoxesRequest& request,
                        absl::FunctionRef<absl::Status()> begin,
                        absl::FunctionRef<absl::Status(const v1::ExportBoxesResponse&)> take);

enum class LineFormat { kCsv, kJson };

struct SavedBoxes {
  uint64_t images = 0;  // with a box
  uint64_t boxes = 0;
};

// Writes or replaces a file of one line per box, which is whole or not there. Errors: those of ReadExport;
// RESOURCE_EXHAUSTED, FAILED_PRECONDITION (the file can't be written).
absl::StatusOr<SavedBoxes> SaveBoxLines(const Connection& connection, const v1::ExportBoxesRequest& request,
                                        const ClassNames& classes, LineFormat format,
                                        const std::filesystem::path& path);

}  // namespace loupe
