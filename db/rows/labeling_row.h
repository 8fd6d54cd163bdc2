// Rows about images, boxes and reasons as messages. Throw pqxx::conversion_error for what the schema can't
// hold.
#pragma once

#include <pqxx/result>

#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

// Of a row that begins with the view shown_image's columns up to `revisions`.
v1::Image ShownImage(const pqxx::row& row);

// Of columns x1, y1, x2, y2.
v1::Box BoxOf(const pqxx::row& row);

// Of columns box_id, label, x1, y1, x2, y2, origin and ignore.
v1::LabelBox LabelBoxOf(const pqxx::row& row);

// Of columns generation, position, slice, score, probability and ranked_model.
v1::Reason ReasonOf(const pqxx::row& row);

}  // namespace loupe
