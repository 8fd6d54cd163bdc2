#include "db/stores/pseudo_label_store.h"

#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {

bool InsertPseudoLabel(Transaction& transaction, SnapshotId snapshot, const v1::ImagePrediction& boxes) {
  return transaction
             .Exec("InsertPseudoLabel", snapshot, boxes.image_id(),
                   ToSqlArray(std::vector<float>(boxes.corners().begin(), boxes.corners().end())),
                   ToSqlArray(std::vector<uint32_t>(boxes.labels().begin(), boxes.labels().end())))
             .affected_rows() > 0;
}

void DescribePseudoLabels(Transaction& transaction, SnapshotId snapshot, const v1::PseudoLabels& about) {
  const std::string bytes = about.SerializeAsString();
  transaction.Exec("SetSnapshotPseudoLabels", snapshot, SqlBytes{bytes});
}

std::vector<v1::SnapshotItem> ReadPseudoLabels(Transaction& transaction, SnapshotId snapshot, ImageId after,
                                               int limit) {
  std::vector<v1::SnapshotItem> items;
  for (const auto& row : transaction.Exec("SelectPseudoLabels", snapshot, after, limit)) {
    v1::SnapshotItem& item = items.emplace_back();
    *item.mutable_image() = ImageOf(row, v1::POOL);
    item.set_pseudo(true);
    const std::vector<float> corners = FloatsOf(row[9]);
    const std::vector<int64_t> labels = IntegersOf(row[10]);
    for (size_t i = 0; i < labels.size(); ++i) {
      v1::LabelBox& box = *item.add_boxes();
      box.set_label(static_cast<uint32_t>(labels[i]));
      box.set_ignore(labels[i] == 0);
      box.mutable_box()->set_x1(corners[4 * i]);
      box.mutable_box()->set_y1(corners[4 * i + 1]);
      box.mutable_box()->set_x2(corners[4 * i + 2]);
      box.mutable_box()->set_y2(corners[4 * i + 3]);
    }
  }
  return items;
}

}  // namespace loupe
