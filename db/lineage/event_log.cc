#include "db/lineage/event_log.h"

#include <limits>

#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

constexpr size_t kEventsAtATime = 200;
// Boxes of a page, before and after; of one event there may be more.
constexpr size_t kBoxesAtATime = 20'000;

v1::RevisionAdded RevisionAddedOf(const pqxx::row& row) {
  v1::RevisionAdded added;
  added.set_revision_id(row["revision_id"].as<int64_t>());
  added.set_number(row["number"].as<uint32_t>());
  added.set_source(row["source"].as<std::string>());
  added.set_standing(StandingOf(row["standing"]));
  added.set_based_on(Nullable<uint32_t>(row["based_on"]).value_or(0));
  added.set_truth_before(Nullable<uint32_t>(row["number_before"]).value_or(0));
  added.set_truth_after(Nullable<uint32_t>(row["number_after"]).value_or(0));
  return added;
}

v1::Event EventOf(const pqxx::row& row) {
  v1::Event event;
  event.set_event_id(row["id"].as<int64_t>());
  *event.mutable_created_at() = TimestampOf(row["created_at"]);
  event.set_author(Nullable<std::string>(row["author"]).value_or(""));
  event.set_image_id(Nullable<int64_t>(row["image_id"]).value_or(0));
  event.set_file_name(Nullable<std::string>(row["file_name"]).value_or(""));
  const auto kind = row["kind"].as<std::string>();
  if (kind == "revision_added") {
    *event.mutable_revision_added() = RevisionAddedOf(row);
  } else if (kind == "image_state_changed") {
    event.mutable_image_state_changed()->set_before(ImageStateOf(row["state_before"]));
    event.mutable_image_state_changed()->set_after(ImageStateOf(row["state_after"]));
  } else if (kind == "model_served") {
    event.mutable_model_served()->set_before(Nullable<uint32_t>(row["number_before"]).value_or(0));
    event.mutable_model_served()->set_after(row["number_after"].as<uint32_t>());
  } else {
    throw pqxx::conversion_error("an event of the unknown kind " + kind);
  }
  return event;
}

// The two truths of each event that has them.
struct TruthPairs {
  std::vector<size_t> events;
  std::vector<int64_t> before;
  std::vector<int64_t> after;
};

void AddBoxChange(const pqxx::row& row, v1::RevisionAdded& added) {
  auto& boxes = *added.mutable_boxes();
  v1::LabelBox box = LabelBoxOf(row);
  if (!row["is_after"].as<bool>()) {
    *boxes.Add()->mutable_before() = std::move(box);
  } else if (!boxes.empty() && boxes.rbegin()->before().box_id() == box.box_id()) {
    *boxes.rbegin()->mutable_after() = std::move(box);
  } else {
    *boxes.Add()->mutable_after() = std::move(box);
  }
}

// Adds changed boxes to the events. Cuts those off whose boxes are more than fit, but not the first that has
// any.
void AddBoxChanges(Transaction& transaction, const TruthPairs& pairs, std::vector<v1::Event>& events) {
  if (pairs.events.empty()) return;
  pqxx::result rows = transaction.Exec("SelectBoxChanges", pairs.before, pairs.after, kBoxesAtATime + 1);
  if (rows.size() > kBoxesAtATime) {
    const auto last = rows.back()["place"].as<size_t>();
    if (last > 1) {
      events.resize(pairs.events[last - 1]);
    } else {
      events.resize(pairs.events[0] + 1);
      rows = transaction.Exec("SelectBoxChanges", std::vector{pairs.before[0]}, std::vector{pairs.after[0]},
                              std::numeric_limits<int64_t>::max());
    }
  }
  for (const auto& row : rows) {
    const size_t place = pairs.events[row["place"].as<size_t>() - 1];
    if (place >= events.size()) break;
    AddBoxChange(row, *events[place].mutable_revision_added());
  }
}

// The transaction number behind one; 0 behind none.
uint64_t Behind(const pqxx::field& txid) { return txid.is_null() ? 0 : txid.as<uint64_t>() + 1; }

}  // namespace

EventSource ReadEventSource(Transaction& transaction, ProjectId project) {
  const pqxx::row row = transaction.Exec("ReadEventSource", project).at(0);
  return {row["source"].as<std::string>(), row["oldest_running"].as<uint64_t>(), Behind(row["last_txid"])};
}

std::vector<EventPlace> OpenEventWindows(Transaction& transaction,
                                         const std::vector<FollowedProject>& projects) {
  std::vector<ProjectId> ids;
  std::vector<uint64_t> begins;
  for (const FollowedProject& followed : projects) {
    ids.push_back(followed.project);
    begins.push_back(followed.place.begins);
  }
  std::vector<EventPlace> places;
  for (const auto& row : transaction.Exec("FindEventWindows", ids, begins)) {
    const uint64_t began = begins[places.size()];
    if (const auto first_id = Nullable<int64_t>(row["first_id"])) {
      places.push_back({began, Behind(row["last_txid"]), *first_id - 1, row["last_id"].as<int64_t>()});
    } else {
      places.push_back({began, began});
    }
  }
  return places;
}

EventPage ReadEvents(Transaction& transaction, ProjectId project, const EventPlace& place) {
  EventPage page;
  TruthPairs pairs;
  for (const auto& row : transaction.Exec("SelectEvents", project, place.begins, place.ends, place.after_id,
                                          place.last_id, kEventsAtATime)) {
    page.events.push_back(EventOf(row));
    const auto before = Nullable<int64_t>(row["before_id"]).value_or(0);
    const auto after = Nullable<int64_t>(row["after_id"]).value_or(0);
    if (!page.events.back().has_revision_added() || before == after) continue;
    pairs.events.push_back(page.events.size() - 1);
    pairs.before.push_back(before);
    pairs.after.push_back(after);
  }
  const size_t found = page.events.size();
  AddBoxChanges(transaction, pairs, page.events);
  page.ends_window = found < kEventsAtATime && page.events.size() == found;
  return page;
}

}  // namespace loupe
