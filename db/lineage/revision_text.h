// The texts that the hashes of the history cover, from rows of the statements in db/queries/history.sql: the
// same that db/functions/revision_hash.sql hashes when it writes a revision. FROZEN, as those are.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <pqxx/result>

#include "content/sha256.h"

namespace loupe {

// A box of a revision. `line`: without the end that version 1 doesn't have.
struct BoxText {
  std::string line;
  std::string spent_ms;
};

// What belongs to a revision and its task, each in order of ordinal.
struct RevisionParts {
  std::vector<BoxText> boxes;
  std::vector<std::pair<int, std::string>> outcomes;  // ordinal of the shown box, outcome
  std::vector<std::string> rejections;                // lines; only version 1 has them
};
struct TaskParts {
  std::string served;                      // line: why it was served; fixed when it is made
  std::string ended;                       // end of the line: when it ended, and why it was skipped
  std::map<int, std::string> shown_boxes;  // ordinal -> the rest of the line
};

// Rows of SelectHistoryBoxes, SelectHistoryRejections, SelectHistoryShownBoxes and SelectHistoryTasks.
BoxText BoxTextOf(const pqxx::row& row);
std::string RejectionTextOf(const pqxx::row& row);
std::string ShownTextOf(const pqxx::row& row);
TaskParts TaskPartsOf(const pqxx::row& row);

// The hash that a revision must have. `row`: of SelectHistoryRevisions. `task`: null if it answers none.
// All zero for a version that isn't known.
Sha256 ExpectedHash(const pqxx::row& row, const Sha256& image, const RevisionParts& parts,
                    const TaskParts* task);

// The hash that a revision of version 3 would have: it covers all that there is of a revision. Arguments: as
// of ExpectedHash.
Sha256 HashOfVersion3(const pqxx::row& row, const Sha256& image, const RevisionParts& parts,
                      const TaskParts* task);

// The hash of a task as it was served, with the boxes that it showed.
Sha256 HashOfServed(const TaskParts& task);

}  // namespace loupe
