#include "db/lineage/box_search.h"

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
  bool IsNull() const { return row_[column_].is_null(); }
  void Skip(int fields) { column_ += fields; }
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

void ReadSource(FieldReader& fields, v1::BoxSource& source) {
  source.set_model(fields.Whole<uint32_t>());
  v1::PredictedBox& box = *source.mutable_box();
  box.set_index(fields.Whole<uint32_t>());
  box.set_label(fields.Whole<uint32_t>());
  box.set_score(fields.Real());
  fields.Corners(*box.mutable_box());
  source.set_outcome(OutcomeOf(fields.Next()));
  source.set_iou(fields.Next().as<double>());
}

// In the order of the columns of SelectFoundBoxes.
v1::FoundBox FoundBoxOf(const pqxx::row& row) {
  v1::FoundBox found;
  FieldReader fields(row);
  found.set_image_id(fields.Whole<int64_t>());
  SetText(*found.mutable_file_name(), fields.Text());
  v1::LabelBox& box = *found.mutable_box();
  box.set_box_id(fields.Whole<int64_t>());
  box.set_label(fields.Whole<uint32_t>());
  fields.Corners(*box.mutable_box());
  box.set_origin(OriginOf(fields.Next()));
  box.set_ignore(fields.Flag());
  if (fields.IsNull()) {
    fields.Skip(1);
  } else {
    found.set_spent_ms(fields.Whole<uint32_t>());
  }
  found.set_revision(fields.Whole<uint32_t>());
  SetText(*found.mutable_reviewer(), fields.Text());
  *found.mutable_created_at() = TimestampOf(fields.Next());
  if (fields.IsNull()) {
    fields.Skip(1);
  } else {
    found.set_slice(SliceOf(fields.Next()));
  }
  found.set_blind(fields.Flag());
  SetText(*found.mutable_client(), fields.Text());
  found.set_image_spent_ms(fields.Whole<uint32_t>());
  if (fields.IsNull()) {
    fields.Skip(2);
    found.set_made_by(found.reviewer());
    *found.mutable_made_at() = found.created_at();
  } else {
    SetText(*found.mutable_made_by(), fields.Text());
    *found.mutable_made_at() = TimestampOf(fields.Next());
  }
  if (!fields.IsNull()) ReadSource(fields, *found.mutable_source());
  return found;
}

std::vector<int64_t> CopyOf(std::span<const int64_t> revisions) {
  return {revisions.begin(), revisions.end()};
}

}  // namespace

FoundTruths FindTruths(Transaction& transaction, ProjectId project, const BoxConditions& conditions,
                       int64_t after_image, int images) {
  const char* side = conditions.side == v1::POOL ? "pool" : conditions.side == v1::HOLDOUT ? "holdout" : "";
  const std::string slice = conditions.slice == v1::SLICE_UNSPECIFIED ? "" : SliceName(conditions.slice);
  const pqxx::row row = transaction
                            .Exec("FindTruths", project, after_image, images, conditions.author,
                                  conditions.from, conditions.to, slice, side, conditions.model)
                            .at(0);
  FoundTruths found;
  found.revisions = IntegersOf(row["truths"]);
  if (row["images"].as<int>() == images) found.last_image = row["last_image"].as<int64_t>();
  return found;
}

std::vector<v1::FoundBox> ReadFoundBoxes(Transaction& transaction, std::span<const int64_t> revisions,
                                         const BoxConditions& conditions, const BoxPlace& after, int limit) {
  std::vector<std::string> origins, outcomes;
  for (const v1::Origin origin : conditions.origins) origins.push_back(OriginName(origin));
  for (const v1::Outcome outcome : conditions.outcomes) outcomes.push_back(OutcomeName(outcome));
  const pqxx::result rows =
      transaction.Exec("SelectFoundBoxes", CopyOf(revisions), after.image, after.box, origins, outcomes,
                       conditions.label, conditions.model, conditions.min_score, conditions.max_score, limit);
  std::vector<v1::FoundBox> boxes;
  boxes.reserve(rows.size());
  for (const auto& row : rows) boxes.push_back(FoundBoxOf(row));
  return boxes;
}

std::vector<v1::Image> ReadImagesOfTruths(Transaction& transaction, std::span<const int64_t> revisions) {
  std::vector<v1::Image> images;
  for (const auto& row : transaction.Exec("SelectImagesOfTruths", CopyOf(revisions))) {
    images.push_back(ShownImage(row));
  }
  return images;
}

}  // namespace loupe
