// What happens to labels, to the states of images and to serving models, for readers that follow it.
//
// An event becomes visible when its transaction is committed, and that isn't the order of ids: one with a
// lower id may be committed later. So readers read only events of transactions below the oldest one that
// still runs: of these, none is committed later. They read in windows: all events of the transactions from
// the end of the window before to the oldest running one. Within a window events are in order of id. That is
// the true order of an image's events, since ids are taken under the image's lock. The order of transactions
// is not: one may have begun earlier and waited for the image longer.
//
// A window ends right behind its last transaction that has an event. The numbers of those behind it may be
// used again after PostgreSQL crashed, since they left nothing on the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

class Transaction;

// Where a reader is. The default: at the beginning.
struct EventPlace {
  // The window: transactions from `begins` to before `ends`. Equal: none is open, the next one begins there.
  uint64_t begins = 0;
  uint64_t ends = 0;
  // What is left of the window: ids above `after_id` and up to `last_id`.
  int64_t after_id = 0;
  int64_t last_id = 0;

  bool is_open() const { return begins != ends; }
};

struct EventSource {
  std::string name;  // of the database; another one once it was restored elsewhere
  uint64_t oldest_running = 0;
  uint64_t now = 0;  // the transaction with which a window begins that holds none of what can be read now
};
EventSource ReadEventSource(Transaction& transaction, ProjectId project);

struct FollowedProject {
  ProjectId project;
  EventPlace place;
};
// Opens a window at each place, as far as anything happened since. Requires: none is open. Returns the
// places.
std::vector<EventPlace> OpenEventWindows(Transaction& transaction,
                                         const std::vector<FollowedProject>& projects);

struct EventPage {
  std::vector<v1::Event> events;
  bool ends_window = false;  // nothing of the window is left
};
// The next events of an open window: as many as are worth a transaction, at least one unless none is left.
EventPage ReadEvents(Transaction& transaction, ProjectId project, const EventPlace& place);

}  // namespace loupe
