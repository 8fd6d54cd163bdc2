#include "db/reviewers/reviewer_tasks.h"

#include "db/transaction.h"

namespace loupe {

std::vector<ReviewerTask> ReadReviewerTasks(Transaction& transaction, ProjectId project) {
  std::vector<ReviewerTask> tasks;
  for (const auto& row : transaction.Exec("SelectReviewerTasks", project, kAnswersLookedAt)) {
    ReviewerTask& task = tasks.emplace_back();
    task.principal = IdOf<PrincipalId>(row["principal_id"]);
    task.reviewer = row["reviewer"].as<std::string>();
    task.task = IdOf<TaskId>(row["task_id"]);
    task.revision = row["revision_id"].as<int64_t>();
    task.planted = row["planted"].as<bool>();
    task.assisted = row["assisted"].as<bool>();
    task.sliced = row["sliced"].as<bool>();
    task.blind = row["blind"].as<bool>();
    task.spent_ms = row["spent_ms"].as<uint32_t>();
    task.shown = row["shown"].as<uint32_t>();
  }
  return tasks;
}

std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadPredictedBoxes(Transaction& transaction,
                                                                          const std::vector<TaskId>& tasks) {
  std::unordered_map<int64_t, std::vector<v1::LabelBox>> boxes;
  if (tasks.empty()) return boxes;
  for (const auto& row : transaction.Exec("SelectPredictedBoxes", tasks)) {
    v1::LabelBox& box = boxes[row["task_id"].as<int64_t>()].emplace_back();
    box.set_label(row["label"].as<uint32_t>());
    box.mutable_box()->set_x1(row["x1"].as<float>());
    box.mutable_box()->set_y1(row["y1"].as<float>());
    box.mutable_box()->set_x2(row["x2"].as<float>());
    box.mutable_box()->set_y2(row["y2"].as<float>());
  }
  return boxes;
}

std::vector<ImageId> FindDoubtfulAnswers(Transaction& transaction, ProjectId project, PrincipalId principal,
                                         size_t most) {
  std::vector<ImageId> images;
  for (const auto& row :
       transaction.Exec("SelectDoubtfulAnswers", project, principal, kAnswersLookedAt, most)) {
    images.push_back(IdOf<ImageId>(row[0]));
  }
  return images;
}

}  // namespace loupe
