// Turns rows about images, boxes and reasons into messages. All throw pqxx::conversion_error for a value that
// the schema doesn't allow.
#pragma once

#include <pqxx/result>

#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

// From the columns of the view shown_image up to `revisions`.
v1::Image ShownImage(const pqxx::row& row);

// From the columns x1, y1, x2, y2.
v1::Box BoxOf(const pqxx::row& row);

// From the columns box_id, label, x1, y1, x2, y2, origin and ignore.
v1::LabelBox LabelBoxOf(const pqxx::row& row);

// From the columns generation, position, slice, score, probability and ranked_model.
v1::Reason ReasonOf(const pqxx::row& row);

}  // namespace loupe
