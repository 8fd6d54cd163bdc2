#include "db/planted/planted_tasks.h"

#include <algorithm>
#include <cmath>

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

std::vector<TaskId> ListPatternTasks(Transaction& transaction, ProjectId project, ModelId model) {
  std::vector<TaskId> tasks;
  for (const auto& row : transaction.Exec("SelectPatternTasks", project, model)) {
    tasks.push_back(IdOf<TaskId>(row[0]));
  }
  return tasks;
}

std::vector<PatternBox> ReadPattern(Transaction& transaction, TaskId task) {
  std::vector<PatternBox> boxes;
  for (const auto& row : transaction.Exec("SelectShownBoxes", std::vector<TaskId>{task})) {
    boxes.push_back({CornersOf(row), row["score"].as<float>(), FloatsOf(row["partner"])});
  }
  return boxes;
}

std::optional<PlantableImage> FindPlantable(Transaction& transaction, ProjectId project,
                                            PrincipalId principal, size_t boxes, double luck) {
  const auto last = transaction.Exec("SelectLastImage", project).at(0)[0].as<int64_t>();
  const auto start = static_cast<int64_t>(std::floor(luck * static_cast<double>(last)));
  for (const int64_t from : {start, int64_t{0}}) {
    const pqxx::result rows =
        transaction.Exec("SelectPlantable", project, principal, ImageId(from), static_cast<int64_t>(boxes));
    if (rows.empty()) continue;
    const auto revision = rows[0]["truth_revision_id"].as<int64_t>();
    return PlantableImage{IdOf<ImageId>(rows[0]["id"]), rows[0]["width"].as<uint32_t>(),
                          rows[0]["height"].as<uint32_t>(),
                          ReadComparedBoxes(transaction, project, {revision})[revision]};
  }
  return std::nullopt;
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

std::vector<PlantedAnswer> ReadPlantedAnswers(Transaction& transaction, ProjectId project, uint32_t most) {
  std::vector<PlantedAnswer> answers;
  std::vector<int64_t> revisions;
  for (const auto& row : transaction.Exec("SelectPlantedAnswers", project, most)) {
    PlantedAnswer& answer = answers.emplace_back();
    answer.reviewer = row["reviewer"].as<std::string>();
    answer.error = {row["kind"].as<std::string>(), row["label"].as<uint32_t>(), CornersOf(row)};
    revisions.push_back(row["revision_id"].as<int64_t>());
  }
  auto boxes = ReadComparedBoxes(transaction, project, revisions);
  for (size_t i = 0; i < answers.size(); ++i) answers[i].boxes = std::move(boxes[revisions[i]]);
  return answers;
}

}  // namespace loupe
