#include "db/rows/labeling_row.h"

#include <array>
#include <string>
#include <utility>

#include "db/rows/message_row.h"
#include "db/sql_value.h"

namespace loupe {
namespace {

template <typename Value, size_t kCount>
using Names = std::array<std::pair<const char*, Value>, kCount>;

template <typename Value, size_t kCount>
Value ValueOf(const pqxx::field& field, const Names<Value, kCount>& names) {
  const std::string name = field.as<std::string>();
  for (const auto& [known, value] : names) {
    if (name == known) return value;
  }
  throw pqxx::conversion_error(std::string(field.name()) + " is " + name);
}

template <typename Value, size_t kCount>
std::string NameOf(Value value, const Names<Value, kCount>& names) {
  for (const auto& [name, known] : names) {
    if (known == value) return name;
  }
  throw pqxx::conversion_error("the schema has no name for " + std::to_string(value));
}

constexpr Names<v1::Slice, 6> kSlices = {{{"uncertain", v1::UNCERTAIN},
                                          {"rare", v1::RARE},
                                          {"random", v1::RANDOM},
                                          {"holdout", v1::SLICE_HOLDOUT},
                                          {"audit", v1::AUDIT},
                                          {"planted", v1::PLANTED}}};
constexpr Names<v1::Outcome, 7> kOutcomes = {{{"accepted", v1::OUTCOME_ACCEPTED},
                                              {"accepted_at_once", v1::OUTCOME_ACCEPTED_AT_ONCE},
                                              {"adjusted", v1::OUTCOME_ADJUSTED},
                                              {"relabelled", v1::OUTCOME_RELABELLED},
                                              {"rejected", v1::OUTCOME_REJECTED},
                                              {"dropped", v1::OUTCOME_DROPPED},
                                              {"hidden", v1::OUTCOME_HIDDEN}}};
constexpr Names<v1::Standing, 6> kStandings = {{{"truth", v1::STANDING_TRUTH},
                                                {"late", v1::STANDING_LATE},
                                                {"withdrawn", v1::STANDING_WITHDRAWN},
                                                {"restored", v1::STANDING_RESTORED},
                                                {"opinion", v1::STANDING_OPINION},
                                                {"planted", v1::STANDING_PLANTED}}};
constexpr Names<v1::LabelErrorKind, 4> kLabelErrorKinds = {{{"missing", v1::LABEL_MISSING},
                                                            {"moved", v1::LABEL_MOVED},
                                                            {"wrong_class", v1::LABEL_WRONG_CLASS},
                                                            {"invented", v1::LABEL_INVENTED}}};
constexpr Names<v1::ImageState, 4> kImageStates = {{{"usable", v1::USABLE},
                                                    {"set_aside", v1::SET_ASIDE},
                                                    {"excluded", v1::EXCLUDED},
                                                    {"removed", v1::REMOVED}}};
constexpr Names<v1::TaskKind, 7> kTaskKinds = {{{"ranked", v1::RANKED},
                                                {"reopen", v1::REOPEN},
                                                {"class_added", v1::CLASS_ADDED},
                                                {"review", v1::REVIEW},
                                                {"assigned", v1::ASSIGNED},
                                                {"overlap", v1::OVERLAP},
                                                {"planted", v1::PLANTED_ERROR}}};
constexpr Names<v1::Side, 2> kSides = {{{"pool", v1::POOL}, {"holdout", v1::HOLDOUT}}};

}  // namespace

std::string OutcomeName(v1::Outcome outcome) { return NameOf(outcome, kOutcomes); }
std::string SliceName(v1::Slice slice) { return NameOf(slice, kSlices); }
std::string TaskKindName(v1::TaskKind kind) { return NameOf(kind, kTaskKinds); }
std::string ImageStateName(v1::ImageState state) { return NameOf(state, kImageStates); }
std::string SideName(v1::Side side) { return side == v1::SIDE_UNSPECIFIED ? "" : NameOf(side, kSides); }

v1::Slice SliceOf(const pqxx::field& field) { return ValueOf(field, kSlices); }
v1::Outcome OutcomeOf(const pqxx::field& field) { return ValueOf(field, kOutcomes); }
v1::Standing StandingOf(const pqxx::field& field) { return ValueOf(field, kStandings); }
v1::ImageState ImageStateOf(const pqxx::field& field) { return ValueOf(field, kImageStates); }
std::string LabelErrorKindName(v1::LabelErrorKind kind) { return NameOf(kind, kLabelErrorKinds); }
v1::LabelErrorKind LabelErrorKindOf(const pqxx::field& field) { return ValueOf(field, kLabelErrorKinds); }
v1::TaskKind TaskKindOf(const pqxx::field& field) { return ValueOf(field, kTaskKinds); }
v1::Side SideOf(const pqxx::field& field) { return ValueOf(field, kSides); }

v1::Image ShownImage(const pqxx::row& row) {
  v1::Image image = ImageOf(row, SideOf(row["side"]));
  image.set_revisions(row["revisions"].as<uint32_t>());
  image.set_labelled(!row["truth_revision_id"].is_null());
  image.set_state(ImageStateOf(row["image_state"]));
  image.set_state_reason(row["state_reason"].as<std::string>());
  return image;
}

v1::Box BoxOf(const pqxx::row& row) {
  v1::Box box;
  box.set_x1(row["x1"].as<float>());
  box.set_y1(row["y1"].as<float>());
  box.set_x2(row["x2"].as<float>());
  box.set_y2(row["y2"].as<float>());
  return box;
}

v1::PredictedBox PredictedBoxOf(const pqxx::row& row) {
  v1::PredictedBox box;
  box.set_index(row["ordinal"].as<uint32_t>());
  *box.mutable_box() = BoxOf(row);
  box.set_label(row["label"].as<uint32_t>());
  box.set_score(row["score"].as<float>());
  return box;
}

v1::LabelBox LabelBoxOf(const pqxx::row& row) {
  v1::LabelBox box;
  box.set_box_id(row["box_id"].as<int64_t>());
  *box.mutable_box() = BoxOf(row);
  box.set_label(row["label"].as<uint32_t>());
  box.set_origin(OriginOf(row["origin"]));
  box.set_ignore(row["ignore"].as<bool>());
  return box;
}

v1::Reason ReasonOf(const pqxx::row& row) {
  v1::Reason reason;
  reason.set_generation(row["generation"].as<uint32_t>());
  reason.set_position(row["position"].as<uint64_t>());
  reason.set_slice(SliceOf(row["slice"]));
  if (!row["score"].is_null()) reason.set_score(row["score"].as<double>());
  if (!row["probability"].is_null()) reason.set_probability(row["probability"].as<double>());
  reason.set_model(row["ranked_model"].as<uint32_t>());
  return reason;
}

}  // namespace loupe
