#include "db/opinions/opinion_pairs.h"

#include <utility>

#include "db/rows/labeling_row.h"
#include "db/transaction.h"

namespace loupe {

std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadComparedBoxes(
    Transaction& transaction, ProjectId project, const std::vector<int64_t>& revisions) {
  std::unordered_map<int64_t, std::vector<v1::LabelBox>> boxes;
  if (revisions.empty()) return boxes;
  for (const auto& row : transaction.Exec("SelectComparedBoxes", project, revisions)) {
    boxes[row["revision_id"].as<int64_t>()].push_back(LabelBoxOf(row));
  }
  return boxes;
}

std::vector<OpinionPair> ReadOpinionPairs(Transaction& transaction, ProjectId project) {
  std::vector<OpinionPair> pairs;
  std::vector<int64_t> revisions;
  for (const auto& row : transaction.Exec("SelectOpinions", project)) {
    OpinionPair& pair = pairs.emplace_back();
    pair.image = ImageId(row["image_id"].as<int64_t>());
    pair.is_open = row["is_open"].as<bool>();
    pair.first_author = row["first_author"].as<std::string>();
    pair.second_author = row["second_author"].as<std::string>();
    revisions.push_back(row["first_id"].as<int64_t>());
    revisions.push_back(row["second_id"].as<int64_t>());
  }
  auto boxes = ReadComparedBoxes(transaction, project, revisions);
  for (size_t i = 0; i < pairs.size(); ++i) {
    pairs[i].first = boxes[revisions[2 * i]];
    pairs[i].second = std::move(boxes[revisions[2 * i + 1]]);
  }
  return pairs;
}

uint64_t CountWaitingForOpinion(Transaction& transaction, ProjectId project) {
  return transaction.Exec("CountWaitingForOpinion", project).at(0)[0].as<uint64_t>();
}

}  // namespace loupe
