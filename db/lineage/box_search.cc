#include "db/lineage/box_search.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// Fields of a row, one after the other. Millions of rows are read: libpqxx's own conversions take ten times
// as long, and columns by name are searched for.
class FieldReader {
 public:
  explicit FieldReader(const pqxx::row& row) : row_(row) {}

  pqxx::field Next() { return row_[column_++]; }
  bool Flag() { return *Next().c_str() == 't'; }

  absl::string_view Text() {
    const pqxx::field field = Next();
    return {field.c_str(), field.size()};
  }

  template <typename Number>
  Number Whole() {
    Number number = 0;
    if (!absl::SimpleAtoi(Text(), &number)) throw pqxx::conversion_error("not an integer");
    return number;
  }

  template <typename Number>
  std::optional<Number> WholeOrNull() {
    if (!row_[column_].is_null()) return Whole<Number>();
    ++column_;
    return std::nullopt;
  }

  float Real() {
    float number = 0;
    if (!absl::SimpleAtof(Text(), &number)) throw pqxx::conversion_error("not a number");
    return number;
  }

  void Corners(v1::Box& box) {
    box.set_x1(Real());
    box.set_y1(Real());
    box.set_x2(Real());
    box.set_y2(Real());
  }

 private:
  const pqxx::row& row_;
  int column_ = 0;
};

void SetText(std::string& field, absl::string_view text) { field.assign(text.data(), text.size()); }

std::vector<int64_t> CopyOf(std::span<const int64_t> revisions) {
  return {revisions.begin(), revisions.end()};
}

// Boxes of several revisions; one has as many as were imported.
constexpr int kMaxBoxes = 20'000;

// A box as its revision holds it.
struct HeldBox {
  int64_t revision = 0;
  v1::LabelBox box;
  std::optional<uint32_t> spent_ms;
  std::optional<int> shown_ordinal;
};

HeldBox HeldBoxOf(const pqxx::row& row) {
  HeldBox held;
  FieldReader fields(row);
  held.revision = fields.Whole<int64_t>();
  held.box.set_box_id(fields.Whole<int64_t>());
  held.box.set_label(fields.Whole<uint32_t>());
  fields.Corners(*held.box.mutable_box());
  held.box.set_origin(OriginOf(fields.Next()));
  held.box.set_ignore(fields.Flag());
  held.spent_ms = fields.WholeOrNull<uint32_t>();
  held.shown_ordinal = fields.WholeOrNull<int>();
  return held;
}

// At most kMaxBoxes of several revisions, and all of a single one.
std::vector<HeldBox> ReadHeldBoxes(Transaction& transaction, std::span<const int64_t> revisions,
                                   const BoxConditions& conditions) {
  const std::optional<int> limit = revisions.size() > 1 ? std::optional(kMaxBoxes) : std::nullopt;
  std::vector<std::string> origins;
  for (const v1::Origin origin : conditions.origins) origins.push_back(OriginName(origin));
  const pqxx::result rows =
      transaction.Exec("SelectBoxesOfTruths", CopyOf(revisions), origins, conditions.label, limit);
  std::vector<HeldBox> boxes;
  boxes.reserve(rows.size());
  for (const auto& row : rows) boxes.push_back(HeldBoxOf(row));
  return boxes;
}

// In the order of these revisions, and of box_id.
void SortBoxes(std::vector<HeldBox>& boxes, std::span<const int64_t> revisions) {
  absl::flat_hash_map<int64_t, size_t> places;
  for (const int64_t revision : revisions) places.emplace(revision, places.size());
  std::sort(boxes.begin(), boxes.end(), [&](const HeldBox& a, const HeldBox& b) {
    return std::pair(places.at(a.revision), a.box.box_id()) <
           std::pair(places.at(b.revision), b.box.box_id());
  });
}

struct Truth {
  v1::FoundBox found;  // what it says of all its boxes
  int64_t task = 0;    // 0: none
};
using Truths = absl::flat_hash_map<int64_t, Truth>;  // by the revision's id

Truths ReadTruths(Transaction& transaction, const std::vector<int64_t>& revisions) {
  Truths truths;
  for (const auto& row : transaction.Exec("SelectTruths", revisions)) {
    FieldReader fields(row);
    Truth& truth = truths[fields.Whole<int64_t>()];
    v1::FoundBox& found = truth.found;
    found.set_image_id(fields.Whole<int64_t>());
    SetText(*found.mutable_file_name(), fields.Text());
    found.set_revision(fields.Whole<uint32_t>());
    SetText(*found.mutable_reviewer(), fields.Text());
    *found.mutable_created_at() = TimestampOf(fields.Next());
    if (const pqxx::field slice = fields.Next(); !slice.is_null()) found.set_slice(SliceOf(slice));
    found.set_blind(fields.Flag());
    SetText(*found.mutable_client(), fields.Text());
    found.set_image_spent_ms(fields.Whole<uint32_t>());
    truth.task = fields.WholeOrNull<int64_t>().value_or(0);
    found.set_made_by(found.reviewer());
    *found.mutable_made_at() = found.created_at();
  }
  return truths;
}

// A shown box that became a box: its place in a task, and the revision that answers the task.
struct ShownPlace {
  int64_t task = 0;
  int ordinal = 0;
  int64_t answer = 0;
};

// Who made a box before its truth was written, and from what.
struct Making {
  std::string made_by;
  google::protobuf::Timestamp made_at;
  std::optional<ShownPlace> shown;
};

// Of boxes whose truth isn't its image's first revision.
absl::flat_hash_map<int64_t, Making> ReadMakings(Transaction& transaction, const std::vector<HeldBox>& boxes,
                                                 const Truths& truths) {
  std::vector<int64_t> ids;
  for (const HeldBox& held : boxes) {
    if (truths.at(held.revision).found.revision() > 1) ids.push_back(held.box.box_id());
  }
  absl::flat_hash_map<int64_t, Making> makings;
  if (ids.empty()) return makings;
  for (const auto& row : transaction.Exec("SelectRevisionsOfBoxes", ids)) {
    FieldReader fields(row);
    const auto [found, is_first] = makings.try_emplace(fields.Whole<int64_t>());
    const auto revision = fields.Whole<int64_t>();
    const auto task = fields.WholeOrNull<int64_t>();
    const auto ordinal = fields.WholeOrNull<int>();
    if (ordinal.has_value()) found->second.shown = ShownPlace{task.value_or(0), *ordinal, revision};
    if (!is_first) continue;
    SetText(found->second.made_by, fields.Text());
    found->second.made_at = TimestampOf(fields.Next());
  }
  return makings;
}

// By task, and place in it.
using Sources = absl::flat_hash_map<std::pair<int64_t, int>, v1::BoxSource>;

// Without the overlap. Only those that meet the conditions. answers: by their tasks.
Sources ReadSources(Transaction& transaction, const absl::flat_hash_map<int64_t, int64_t>& answers,
                    const BoxConditions& conditions) {
  std::vector<int64_t> tasks, revisions;
  for (const auto& [task, revision] : answers) {
    tasks.push_back(task);
    revisions.push_back(revision);
  }
  std::vector<std::string> asked;
  for (const v1::Outcome outcome : conditions.outcomes) asked.push_back(OutcomeName(outcome));
  absl::flat_hash_map<std::pair<int64_t, int>, v1::Outcome> outcomes;  // by answer
  for (const auto& row : transaction.Exec("SelectBecomings", revisions, asked)) {
    FieldReader fields(row);
    const auto answer = fields.Whole<int64_t>();
    const auto ordinal = fields.Whole<int>();
    outcomes[{answer, ordinal}] = OutcomeOf(fields.Next());
  }
  Sources sources;
  sources.reserve(outcomes.size());
  for (const auto& row : transaction.Exec("SelectShownBoxesOfTasks", tasks, conditions.model,
                                          conditions.min_score, conditions.max_score)) {
    FieldReader fields(row);
    const auto task = fields.Whole<int64_t>();
    const auto ordinal = fields.Whole<int>();
    const auto outcome = outcomes.find(std::pair(answers.at(task), ordinal));
    if (outcome == outcomes.end()) continue;
    v1::BoxSource& source = sources[{task, ordinal}];
    source.set_model(fields.Whole<uint32_t>());
    v1::PredictedBox& box = *source.mutable_box();
    box.set_index(static_cast<uint32_t>(ordinal));
    box.set_label(fields.Whole<uint32_t>());
    box.set_score(fields.Real());
    fields.Corners(*box.mutable_box());
    source.set_outcome(outcome->second);
  }
  return sources;
}

double Area(const v1::Box& box) {
  return (static_cast<double>(box.x2()) - box.x1()) * (static_cast<double>(box.y2()) - box.y1());
}

// Intersection over union, as provenance.iou in SQL.
double Overlap(const v1::Box& a, const v1::Box& b) {
  const double width = static_cast<double>(std::min(a.x2(), b.x2())) - std::max(a.x1(), b.x1());
  const double height = static_cast<double>(std::min(a.y2(), b.y2())) - std::max(a.y1(), b.y1());
  const double shared = std::max(width, 0.0) * std::max(height, 0.0);
  return shared / (Area(a) + Area(b) - shared);
}

}  // namespace

FoundTruths FindTruths(Transaction& transaction, ProjectId project, const BoxConditions& conditions,
                       int64_t after_image, int images) {
  const std::string slice = conditions.slice == v1::SLICE_UNSPECIFIED ? "" : SliceName(conditions.slice);
  const pqxx::row row =
      transaction
          .Exec("FindTruths", project, after_image, images, conditions.author, conditions.from, conditions.to,
                slice, SideName(conditions.side), conditions.model)
          .at(0);
  FoundTruths found;
  found.revisions = IntegersOf(row["truths"]);
  if (row["images"].as<int>() == images) found.last_image = row["last_image"].as<int64_t>();
  return found;
}

FoundBoxes ReadFoundBoxes(Transaction& transaction, std::span<const int64_t> revisions,
                          const BoxConditions& conditions) {
  std::vector<HeldBox> boxes = ReadHeldBoxes(transaction, revisions, conditions);
  while (boxes.size() == static_cast<size_t>(kMaxBoxes) && revisions.size() > 1) {  // there may be more
    revisions = revisions.first(revisions.size() / 2);
    boxes = ReadHeldBoxes(transaction, revisions, conditions);
  }
  const Truths truths = ReadTruths(transaction, CopyOf(revisions));
  std::erase_if(boxes, [&](const HeldBox& held) { return !truths.contains(held.revision); });
  SortBoxes(boxes, revisions);

  const absl::flat_hash_map<int64_t, Making> makings = ReadMakings(transaction, boxes, truths);
  std::vector<std::optional<ShownPlace>> places;  // parallel to boxes
  absl::flat_hash_map<int64_t, int64_t> answers;  // by task
  for (const HeldBox& held : boxes) {
    std::optional<ShownPlace>& place = places.emplace_back();
    if (held.shown_ordinal.has_value()) {
      place = ShownPlace{truths.at(held.revision).task, *held.shown_ordinal, held.revision};
    } else if (const auto making = makings.find(held.box.box_id()); making != makings.end()) {
      place = making->second.shown;
    }
    if (place.has_value()) answers[place->task] = place->answer;
  }
  Sources sources = ReadSources(transaction, answers, conditions);

  FoundBoxes found{{}, revisions.size()};
  for (size_t i = 0; i < boxes.size(); ++i) {
    HeldBox& held = boxes[i];
    const std::optional<ShownPlace>& place = places[i];
    const auto source =
        place.has_value() ? sources.find(std::pair(place->task, place->ordinal)) : sources.end();
    if (source == sources.end() && conditions.AskAboutSources()) continue;
    v1::FoundBox& box = found.boxes.emplace_back(truths.at(held.revision).found);
    if (held.spent_ms.has_value()) box.set_spent_ms(*held.spent_ms);
    if (const auto making = makings.find(held.box.box_id()); making != makings.end()) {
      box.set_made_by(making->second.made_by);
      *box.mutable_made_at() = making->second.made_at;
    }
    if (source != sources.end()) {
      *box.mutable_source() = std::move(source->second);
      box.mutable_source()->set_iou(Overlap(held.box.box(), box.source().box().box()));
    }
    *box.mutable_box() = std::move(held.box);
  }
  return found;
}

std::vector<v1::Image> ReadImagesOfTruths(Transaction& transaction, std::span<const int64_t> revisions) {
  std::vector<v1::Image> images;
  for (const auto& row : transaction.Exec("SelectImagesOfTruths", CopyOf(revisions))) {
    images.push_back(ShownImage(row));
  }
  return images;
}

}  // namespace loupe
