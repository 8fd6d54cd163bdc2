// Boxes with their lineage as lines of text. The fields have the same names in every format: those of the
// columns of the view provenance.box_from_prediction, where it has them. Numbers are the shortest that read
// back to the same float.
#pragma once

#include <string>

#include "client/cli/message_json.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

// The names of the columns, with the line's end.
std::string CsvHeader();

// One line per box, quoted as RFC 4180 says. An absent value is an empty cell. A text that a program for
// tables would take for a formula has a ' before it (OWASP, CSV injection).
void AppendCsvLine(std::string& out, const v1::FoundBox& found, const ClassNames& classes);

// One JSON object on a line. Absent values are left out; boxes are [x1, y1, x2, y2].
void AppendJsonLine(std::string& out, const v1::FoundBox& found, const ClassNames& classes);

// Members of a JSON object, `, "name": value` each: the lineage without image, class and corners.
void AppendLineageMembers(std::string& out, const v1::FoundBox& found, const ClassNames& classes);

}  // namespace loupe
