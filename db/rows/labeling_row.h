// Turns rows about images, boxes and reasons into messages. All throw pqxx::conversion_error for a value that
// the schema doesn't allow.
#pragma once

#include <string>

#include <pqxx/result>

#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

// From the columns of the view shown_image.
v1::Image ShownImage(const pqxx::row& row);

// From the columns x1, y1, x2, y2.
v1::Box BoxOf(const pqxx::row& row);

// From the columns box_id, label, x1, y1, x2, y2, origin and ignore.
v1::LabelBox LabelBoxOf(const pqxx::row& row);

// From the columns ordinal, label, score and those of BoxOf.
v1::PredictedBox PredictedBoxOf(const pqxx::row& row);

// Names as the schema spells them.
std::string OutcomeName(v1::Outcome outcome);
v1::Outcome OutcomeOf(const pqxx::field& field);
v1::Slice SliceOf(const pqxx::field& field);
std::string SliceName(v1::Slice slice);
std::string TaskKindName(v1::TaskKind kind);
std::string ImageStateName(v1::ImageState state);
std::string SideName(v1::Side side);  // empty: unspecified
v1::Standing StandingOf(const pqxx::field& field);
v1::ImageState ImageStateOf(const pqxx::field& field);
v1::TaskKind TaskKindOf(const pqxx::field& field);
v1::Side SideOf(const pqxx::field& field);
std::string LabelErrorKindName(v1::LabelErrorKind kind);
v1::LabelErrorKind LabelErrorKindOf(const pqxx::field& field);

// From the columns generation, position, slice, score, probability and ranked_model.
v1::Reason ReasonOf(const pqxx::row& row);

}  // namespace loupe
