#include "db/planted/planted_tasks.h"

#include <algorithm>

#include "absl/time/time.h"
#include "db/opinions/opinion_pairs.h"
#include "db/rows/message_row.h"
#include "db/stores/task_store.h"
#include "db/transaction.h"

namespace loupe {
namespace {

std::array<float, 4> CornersOf(const pqxx::row& row) {
  return {row["x1"].as<float>(), row["y1"].as<float>(), row["x2"].as<float>(), row["y2"].as<float>()};
}

std::vector<PlantedAnswer> AnswersOf(Transaction& transaction, ProjectId project, const pqxx::result& rows) {
  std::vector<PlantedAnswer> answers;
  std::vector<int64_t> revisions;
  for (const auto& row : rows) {
    PlantedAnswer& answer = answers.emplace_back();
    answer.reviewer = row["reviewer"].as<std::string>();
    answer.image = IdOf<ImageId>(row["image_id"]);
    answer.error = {row["kind"].as<std::string>(), row["label"].as<uint32_t>(), CornersOf(row)};
    revisions.push_back(row["revision_id"].as<int64_t>());
  }
  auto boxes = ReadComparedBoxes(transaction, project, revisions);
  for (size_t i = 0; i < answers.size(); ++i) answers[i].boxes = std::move(boxes[revisions[i]]);
  return answers;
}

}  // namespace

std::optional<Planting> FindPlanting(Transaction& transaction, ProjectId project) {
  const pqxx::result rows = transaction.Exec("SelectPlanting", project);
  if (rows.empty()) return std::nullopt;
  Planting planting;
  planting.share = rows[0]["planted_share"].as<double>();
  planting.model = ModelId(rows[0]["model_id"].as<int64_t>());
  planting.assisted = rows[0]["assisted"].as<double>(0);
  return planting;
}

std::optional<PatternTask> ReadPattern(Transaction& transaction, ProjectId project, double luck) {
  const pqxx::result rows = transaction.Exec("SelectPattern", project, luck);
  if (rows.empty()) return std::nullopt;
  PatternTask pattern;
  pattern.image = IdOf<ImageId>(rows[0]["image_id"]);
  pattern.width = rows[0]["width"].as<uint32_t>();
  pattern.height = rows[0]["height"].as<uint32_t>();
  pattern.least_score = rows[0]["least_score"].as<float>();
  for (const auto& row : rows) {
    if (row["label"].is_null()) continue;  // it shows no box
    pattern.boxes.push_back(
        {CornersOf(row), row["label"].as<uint32_t>(), row["score"].as<float>(), FloatsOf(row["partner"])});
  }
  return pattern;
}

std::vector<PlantableImage> FindPlantable(Transaction& transaction, ProjectId project, PrincipalId principal,
                                          size_t most_boxes, ImageId near) {
  std::vector<PlantableImage> images;
  std::vector<int64_t> revisions;
  for (const auto& row :
       transaction.Exec("SelectPlantable", project, principal, near, static_cast<int64_t>(most_boxes))) {
    images.push_back(
        {IdOf<ImageId>(row["id"]), row["width"].as<uint32_t>(), row["height"].as<uint32_t>(), {}});
    revisions.push_back(row["truth_revision_id"].as<int64_t>());
  }
  auto truths = ReadComparedBoxes(transaction, project, revisions);
  for (size_t i = 0; i < images.size(); ++i) images[i].truth = std::move(truths[revisions[i]]);
  return images;
}

std::optional<TaskId> PlantTask(Transaction& transaction, ProjectId project, PrincipalId principal,
                                const TaskToPlant& task) {
  const std::vector<float> error(task.error.corners.begin(), task.error.corners.end());
  const pqxx::result rows = transaction.Exec(
      "PlantTask", project, principal, task.image, task.model, absl::ToInt64Seconds(kTaskLease), task.labels,
      task.corners, task.scores, task.partners, task.error.kind, task.error.label, error);
  if (rows.at(0)[0].is_null()) return std::nullopt;
  return IdOf<TaskId>(rows.at(0)[0]);
}

std::optional<TaskId> PlantAgain(Transaction& transaction, ProjectId project, PrincipalId principal,
                                 bool skipped) {
  const pqxx::result rows =
      transaction.Exec("PlantAgain", project, principal, absl::ToInt64Seconds(kTaskLease), skipped);
  if (rows.at(0)[0].is_null()) return std::nullopt;
  return IdOf<TaskId>(rows.at(0)[0]);
}

uint32_t CountPlantedAnswers(Transaction& transaction, ImageId image, PrincipalId principal) {
  return transaction.Exec("CountPlantedAnswers", image, principal).at(0)[0].as<uint32_t>();
}

std::vector<PlantedAnswer> ReadPlantedAnswers(Transaction& transaction, ProjectId project, uint32_t most) {
  return AnswersOf(transaction, project, transaction.Exec("SelectPlantedAnswers", project, most));
}

std::vector<PlantedAnswer> ReadPlantedAnswersOf(Transaction& transaction, ProjectId project,
                                                PrincipalId principal, const std::vector<ImageId>& images) {
  return AnswersOf(transaction, project,
                   transaction.Exec("SelectOwnPlantedAnswers", project, principal, images));
}

}  // namespace loupe
