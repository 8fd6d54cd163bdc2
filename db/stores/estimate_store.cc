#include "db/stores/estimate_store.h"

#include "db/transaction.h"
#include "proto/class_index.h"

namespace loupe {

std::vector<DrawnRanking> ListDrawnRankings(Transaction& transaction, ProjectId project) {
  std::vector<DrawnRanking> rankings;
  for (const auto& row : transaction.Exec("SelectDrawnRankings", project)) {
    rankings.push_back({IdOf<RankingId>(row[0]), row[1].as<uint32_t>(), IdOf<ModelId>(row[2]),
                        row[3].as<uint64_t>(), row[4].as<bool>()});
  }
  return rankings;
}

std::vector<RandomDraw> ListFirstDraws(Transaction& transaction, RankingId ranking) {
  std::vector<RandomDraw> draws;
  for (const auto& row : transaction.Exec("SelectFirstDraws", ranking)) {
    draws.push_back({ranking, row[0].as<uint64_t>(), row[1].as<uint64_t>()});
  }
  return draws;
}

DrawnSlice ReadDrawnSlice(Transaction& transaction, const SliceOfPool& slice) {
  const RandomDraw& draw = slice.draw;
  const auto row =
      transaction.Exec("SelectDrawnSlice", draw.ranking, draw.first_position, draw.size, slice.models).at(0);
  DrawnSlice drawn;
  drawn.size = row[0].as<uint64_t>();
  for (const int64_t image : IntegersOf(row[1])) drawn.answered.emplace_back(image);
  drawn.answered_behind = row[2].as<uint64_t>();
  drawn.open_image = row[3].as<std::string>();
  drawn.skipped = row[4].as<uint64_t>();
  return drawn;
}

PoolParts ReadPoolParts(Transaction& transaction, const SliceOfPool& slice, size_t class_count,
                        const std::vector<int64_t>& left_out) {
  PoolParts parts;
  parts.boxes_labelled_since.resize(class_count);
  parts.known_images_with_class.resize(class_count);
  const RandomDraw& draw = slice.draw;
  for (const auto& row : transaction.Exec("SelectPoolParts", draw.ranking, draw.first_position, draw.size,
                                          slice.models, left_out)) {
    const auto part = row[0].as<std::string>();
    const auto label = row[1].as<uint32_t>();
    const auto images = row[2].as<uint64_t>();
    const bool known = part == "known";
    if (label > 0) {
      const size_t class_index = ClassIndexOf(label);
      if (known) parts.known_images_with_class.at(class_index) = images;
      if (part == "since") parts.boxes_labelled_since.at(class_index) = row[4].as<uint64_t>();
      continue;
    }
    if (known) parts.known_images_with_boxes = row[3].as<uint64_t>();
    if (part == "open") parts.open_images = images;
    (known ? parts.known_images : part == "outside" ? parts.images_not_covered : parts.population) += images;
  }
  return parts;
}

uint64_t CountTrainedOn(Transaction& transaction, ModelId model, const std::vector<ImageId>& images) {
  return transaction.Exec("CountTrainedOn", model, images).at(0)[0].as<uint64_t>();
}

}  // namespace loupe
