#include "server/provenance/event_cursor.h"

#include <tuple>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

constexpr char kVersion[] = "1";
constexpr size_t kParts = 7;

absl::Status BadCursor(absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_CURSOR",
               absl::StrCat("the cursor ", why, ": begin with from_start (--from-start)"));
}

}  // namespace

std::string EventCursor(const std::string& source, ProjectId project, const EventPlace& place) {
  return absl::WebSafeBase64Escape(
      absl::StrJoin(std::make_tuple(kVersion, source, project.value(), place.begins, place.ends,
                                    place.after_id, place.last_id),
                    "."));
}

absl::StatusOr<EventPlace> ParseEventCursor(const std::string& cursor, const EventSource& source,
                                            ProjectId project) {
  std::string text;
  int64_t of_project = 0;
  EventPlace place;
  const std::vector<std::string> parts =
      absl::WebSafeBase64Unescape(cursor, &text) ? absl::StrSplit(text, '.') : std::vector<std::string>();
  if (parts.size() != kParts || parts[0] != kVersion || !absl::SimpleAtoi(parts[2], &of_project) ||
      !absl::SimpleAtoi(parts[3], &place.begins) || !absl::SimpleAtoi(parts[4], &place.ends) ||
      !absl::SimpleAtoi(parts[5], &place.after_id) || !absl::SimpleAtoi(parts[6], &place.last_id) ||
      place.begins > place.ends) {
    return BadCursor("is not one that WatchEvents gave");
  }
  // Transactions to come: the database was put back to an earlier state.
  if (parts[1] != source.name || place.ends > source.oldest_running) {
    return BadCursor("is of another database, or of this one before it was restored");
  }
  if (ProjectId(of_project) != project) return BadCursor("is of another project");
  return place;
}

}  // namespace loupe
