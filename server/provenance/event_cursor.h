// The cursors of WatchEvents: a place in the events of one project of one database, as a text that tells its
// reader nothing.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "db/lineage/event_log.h"

namespace loupe {

// `source`: EventSource.name.
std::string EventCursor(const std::string& source, ProjectId project, const EventPlace& place);

// Errors: INVALID_ARGUMENT (BAD_CURSOR: it isn't one; it is of another database, or of this one before it was
// restored; it is of another project).
absl::StatusOr<EventPlace> ParseEventCursor(const std::string& cursor, const EventSource& source,
                                            ProjectId project);

}  // namespace loupe
