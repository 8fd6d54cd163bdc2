#include "db/rows/revision_columns.h"

#include "db/rows/message_row.h"

namespace loupe {

BoxColumns::BoxColumns(const std::vector<NewBox>& boxes) {
  for (const NewBox& added : boxes) {
    const v1::Box& box = added.box.box();
    corners.insert(corners.end(), {box.x1(), box.y1(), box.x2(), box.y2()});
    labels.push_back(added.box.label());
    origins.push_back(OriginName(added.box.origin()));
    ignores.push_back(added.box.ignore());
    shown.push_back(added.shown_ordinal);
    ids.push_back(added.box.box_id());
    spent.push_back(added.spent_ms);
  }
}

}  // namespace loupe
