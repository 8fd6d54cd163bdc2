#include "db/rows/labeling_row.h"

#include <array>
#include <string>
#include <utility>

#include "db/rows/message_row.h"
#include "db/sql_value.h"

namespace loupe {
namespace {

v1::Slice SliceOf(const pqxx::field& field) {
  static constexpr std::array<std::pair<const char*, v1::Slice>, 6> kSlices = {
      {{"uncertain", v1::UNCERTAIN},
       {"rare", v1::RARE},
       {"random", v1::RANDOM},
       {"holdout", v1::SLICE_HOLDOUT},
       {"audit", v1::AUDIT},
       {"planted", v1::PLANTED}}};
  const std::string name = field.as<std::string>();
  for (const auto& [known, slice] : kSlices) {
    if (name == known) return slice;
  }
  throw pqxx::conversion_error("unknown slice " + name);
}

}  // namespace

v1::Image ShownImage(const pqxx::row& row) {
  v1::Image image = ImageOf(row, row["side"].as<std::string>() == "pool" ? v1::POOL : v1::HOLDOUT);
  image.set_revisions(row["revisions"].as<uint32_t>());
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
