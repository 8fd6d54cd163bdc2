#include "db/search/image_counts.h"

#include <string_view>

#include "db/rows/labeling_row.h"
#include "db/transaction.h"
#include "proto/class_index.h"

namespace loupe {
namespace {

// So many changed images are looked at themselves; with more, the tables are.
constexpr int kMostChangedCounted = 1'000;

}  // namespace

ImageCounts::ImageCounts(Transaction& transaction, ProjectId project) {
  pqxx::result rows = transaction.Exec("CountFacets", project, kMostChangedCounted);
  if (rows.empty()) rows = transaction.Exec("CountTables", project);
  for (const auto& row : rows) {
    counts_[{SideOf(row["side"]), row["what"].as<std::string>()}] = row["number"].as<uint64_t>();
  }
}

std::map<uint32_t, uint64_t> ImageCounts::PoolToLookAt() const {
  constexpr std::string_view kStart = "to_look_at/";
  std::map<uint32_t, uint64_t> images;
  for (const auto& [counted, number] : counts_) {
    const auto& [side, what] = counted;
    if (side != v1::POOL || !what.starts_with(kStart) || number == 0) continue;
    images[static_cast<uint32_t>(std::stoul(what.substr(kStart.size())))] = number;
  }
  return images;
}

std::vector<int64_t> ImageCounts::PoolBoxes(size_t class_count) const {
  std::vector<int64_t> boxes;
  for (size_t c = 0; c < class_count; ++c) {
    boxes.push_back(static_cast<int64_t>(Of(v1::POOL, "boxes/" + std::to_string(LabelOf(c)))));
  }
  return boxes;
}

uint64_t ImageCounts::Of(v1::Side side, const std::string& what) const {
  const auto found = counts_.find({side, what});
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace loupe
