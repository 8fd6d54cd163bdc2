#include "db/lineage/label_stats.h"

#include <string>

#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

template <typename Counts>
void AddOrigin(v1::Origin origin, uint64_t boxes, Counts& counts) {
  for (v1::OriginCount& count : counts) {
    if (count.origin() == origin) return count.set_boxes(count.boxes() + boxes);
  }
  v1::OriginCount& count = *counts.Add();
  count.set_origin(origin);
  count.set_boxes(boxes);
}

template <typename Counts>
void AddOutcome(v1::Outcome outcome, uint64_t boxes, Counts& counts) {
  for (v1::OutcomeCount& count : counts) {
    if (count.outcome() == outcome) return count.set_boxes(count.boxes() + boxes);
  }
  v1::OutcomeCount& count = *counts.Add();
  count.set_outcome(outcome);
  count.set_boxes(boxes);
}

// Adds a row of label_count, of which `amount` is one of the numbers.
void AddFact(const pqxx::row& row, uint64_t amount, v1::LabelSums& sums) {
  if (amount == 0) return;
  const auto fact = row["fact"].as<std::string>();
  const auto name = row["name"].as<std::string>();
  if (fact == "box") {
    AddOrigin(OriginOf(row["name"]), amount, *sums.mutable_origins());
  } else if (fact == "outcome") {
    AddOutcome(OutcomeOf(row["name"]), amount, *sums.mutable_outcomes());
  } else if (fact == "spent_ms") {
    sums.set_spent_ms(sums.spent_ms() + amount);
  } else if (name == "blind") {
    sums.set_blind_answers(sums.blind_answers() + amount);
  } else if (name == "shown") {
    sums.set_shown_answers(sums.shown_answers() + amount);
  } else {
    sums.set_imports(sums.imports() + amount);
  }
}

void AddCounts(const pqxx::row& row, v1::LabelCounts& counts) {
  AddFact(row, row["written"].as<uint64_t>(), *counts.mutable_written());
  AddFact(row, row["truth"].as<uint64_t>(), *counts.mutable_truth());
}

void AddToPeriod(const pqxx::row& row, v1::LabelStats& stats) {
  AddCounts(row, *stats.mutable_total());
  const google::protobuf::Timestamp begins = TimestampOf(row["period"]);
  if (stats.periods().empty() || stats.periods().rbegin()->begins().seconds() != begins.seconds()) {
    *stats.add_periods()->mutable_begins() = begins;
  }
  AddCounts(row, *stats.mutable_periods()->rbegin()->mutable_counts());
}

void AddToReviewer(const pqxx::row& row, v1::LabelStats& stats) {
  const auto reviewer = row["reviewer"].as<std::string>();
  if (stats.reviewers().empty() || stats.reviewers().rbegin()->reviewer() != reviewer) {
    stats.add_reviewers()->set_reviewer(reviewer);
  }
  AddCounts(row, *stats.mutable_reviewers()->rbegin()->mutable_counts());
}

void AddToClass(const pqxx::row& row, v1::LabelStats& stats) {
  const auto label = row["key"].as<uint32_t>();
  if (stats.classes().empty() || stats.classes().rbegin()->label() != label) {
    stats.add_classes()->set_label(label);
  }
  v1::ClassStats& counts = *stats.mutable_classes()->rbegin();
  const v1::Origin origin = OriginOf(row["name"]);
  const auto written = row["written"].as<uint64_t>();
  const auto truth = row["truth"].as<uint64_t>();
  if (written > 0) AddOrigin(origin, written, *counts.mutable_written());
  if (truth > 0) AddOrigin(origin, truth, *counts.mutable_truth());
}

const char* UnitOf(v1::Period period) {
  return period == v1::HOUR ? "hour" : period == v1::WEEK ? "week" : "day";
}

}  // namespace

v1::LabelStats ReadLabelStats(Transaction& transaction, ProjectId project, const LabelSpan& span) {
  v1::LabelStats stats;
  stats.mutable_total();
  for (const auto& row :
       transaction.Exec("SelectLabelStats", project, span.from, span.to, UnitOf(span.period))) {
    const auto subject = row["subject"].as<std::string>();
    if (subject == "time") {
      AddToPeriod(row, stats);
    } else if (subject == "reviewer") {
      AddToReviewer(row, stats);
    } else {
      AddToClass(row, stats);
    }
  }
  return stats;
}

bool AddToLabelCounts(Transaction& transaction, int64_t most) {
  return transaction.Exec("AddToLabelCounts", most).at(0)[0].as<bool>();
}

}  // namespace loupe
