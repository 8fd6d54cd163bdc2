#include "db/label_errors/label_error_store.h"

#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// From the columns error_id, image_id, kind, wrong_id, corners, proposed and log_odds.
v1::LabelError LabelErrorOf(const pqxx::row& row) {
  v1::LabelError error;
  error.set_id(row["error_id"].as<int64_t>());
  error.set_image_id(row["image_id"].as<int64_t>());
  error.set_kind(LabelErrorKindOf(row["kind"]));
  error.set_box_id(row["wrong_id"].as<int64_t>());
  error.set_log_odds(row["log_odds"].as<double>());
  if (row["corners"].is_null()) return error;
  const std::vector<float> corners = FloatsOf(row["corners"]);
  v1::Box& box = *error.mutable_box();
  box.set_x1(corners.at(0));
  box.set_y1(corners.at(1));
  box.set_x2(corners.at(2));
  box.set_y2(corners.at(3));
  error.set_label(row["proposed"].as<uint32_t>());
  return error;
}

}  // namespace

uint64_t InsertLabelErrors(Transaction& transaction, RoundId round, SnapshotId snapshot,
                           const std::vector<v1::LabelError>& errors) {
  std::vector<int64_t> images, boxes;
  std::vector<std::string> kinds;
  std::vector<float> corners;
  std::vector<uint32_t> labels;
  std::vector<double> log_odds;
  for (const v1::LabelError& error : errors) {
    images.push_back(error.image_id());
    kinds.push_back(LabelErrorKindName(error.kind()));
    boxes.push_back(error.box_id());
    const v1::Box& box = error.box();
    corners.insert(corners.end(), {box.x1(), box.y1(), box.x2(), box.y2()});
    labels.push_back(error.label());
    log_odds.push_back(error.log_odds());
  }
  return transaction
      .Exec("InsertLabelErrors", round, snapshot, images, kinds, boxes, corners, labels, log_odds)
      .at(0)[0]
      .as<uint64_t>();
}

std::vector<v1::ListedLabelError> ReadLabelErrors(Transaction& transaction, ProjectId project, int64_t after,
                                                  int limit) {
  std::vector<v1::ListedLabelError> errors;
  for (const auto& row : transaction.Exec("SelectLabelErrors", project, after, limit)) {
    v1::ListedLabelError& listed = errors.emplace_back();
    *listed.mutable_image() = ImageOf(row, v1::POOL);
    *listed.mutable_error() = LabelErrorOf(row);
    if (!row["box_id"].is_null()) *listed.mutable_wrong() = LabelBoxOf(row);
    listed.set_author(row["author"].as<std::string>());
    listed.set_in_review(row["in_review"].as<bool>());
  }
  return errors;
}

v1::ListLabelErrorsResponse CountLabelErrors(Transaction& transaction, ProjectId project) {
  const pqxx::row row = transaction.Exec("CountLabelErrors", project).at(0);
  v1::ListLabelErrorsResponse counts;
  counts.set_round(row["round"].as<uint32_t>());
  counts.set_total(row["total"].as<uint64_t>());
  counts.set_mended(row["mended"].as<uint64_t>());
  counts.set_kept(row["kept"].as<uint64_t>());
  return counts;
}

std::vector<ImageId> FindImagesWithErrors(Transaction& transaction, RoundId round, uint32_t limit) {
  std::vector<ImageId> images;
  for (const auto& row : transaction.Exec("SelectImagesWithErrors", round, limit)) {
    images.push_back(IdOf<ImageId>(row["image_id"]));
  }
  return images;
}

std::vector<ErrorOfTask> ReadErrorsOfTasks(Transaction& transaction, const std::vector<TaskId>& tasks) {
  std::vector<ErrorOfTask> errors;
  if (tasks.empty()) return errors;
  for (const auto& row : transaction.Exec("SelectErrorsOfTasks", tasks)) {
    errors.push_back({IdOf<TaskId>(row["task_id"]), LabelErrorOf(row)});
  }
  return errors;
}

void DecideLabelErrors(Transaction& transaction, const std::vector<int64_t>& errors,
                       const std::vector<bool>& mended) {
  if (!errors.empty()) transaction.Exec("DecideLabelErrors", errors, mended);
}

}  // namespace loupe
