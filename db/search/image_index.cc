#include "db/search/image_index.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "db/ids.h"
#include "db/search/image_set.h"
#include "db/transaction.h"

namespace loupe {
namespace {

using Facet = std::pair<std::string, std::string>;  // kind and value

Facet FacetOf(const pqxx::row& row) {
  return {row["kind"].as<std::string>(), row["value"].as<std::string>()};
}

// The sets of a project in one block. What was read and what changed since are written back.
class FacetBlock {
 public:
  FacetBlock(ProjectId project, int64_t block) : project_(project), block_(block) {}

  void ReadAll(Transaction& transaction, bool with_scores) {
    Read(transaction.Exec("SelectFacetBlock", project_, block_, with_scores));
  }

  void Read(const pqxx::result& rows) {
    for (const auto& row : rows) {
      stored_[FacetOf(row)] = BytesOf(row["bits"]);
      sets_[FacetOf(row)].AddBlock(block_, stored_[FacetOf(row)]);
    }
  }

  void Add(const Facet& facet, int64_t image) { sets_[facet].Set(image, true); }

  // From all sets that were read, but for those of scores: an image keeps its score.
  void Remove(int64_t image, bool with_scores) {
    for (auto& [facet, images] : sets_) {
      if (with_scores || !IsOfScores(facet)) images.Set(image, false);
    }
  }

  void Write(Transaction& transaction) const {
    for (const auto& [facet, images] : sets_) {
      const std::string bits = images.BitsOf(block_);
      const auto stored = stored_.find(facet);
      if (bits == (stored == stored_.end() ? "" : stored->second)) continue;
      if (bits.empty()) {
        transaction.Exec("DropFacetBlock", project_, facet.first, facet.second, block_);
      } else {
        transaction.Exec("PutFacetBlock", project_, facet.first, facet.second, block_, SqlBytes{bits});
      }
    }
  }

  static bool IsOfScores(const Facet& facet) {
    return facet.first == "score" || facet.first == "tenth" || facet.first == "scored";
  }

 private:
  const ProjectId project_;
  const int64_t block_;
  std::map<Facet, std::string> stored_;
  std::map<Facet, ImageSet> sets_;
};

using FacetsOfImages = std::map<int64_t, std::vector<Facet>>;

// Of these images of one project and block.
void IndexBlock(Transaction& transaction, ProjectId project, int64_t block, const std::set<int64_t>& images) {
  FacetsOfImages facets;
  for (const int64_t image : images) facets[image];
  for (const auto& row :
       transaction.Exec("SelectFacetsOfImages", std::vector<int64_t>(images.begin(), images.end()))) {
    facets[row["image_id"].as<int64_t>()].push_back(FacetOf(row));
  }
  bool some_removed = false;
  std::vector<std::string> score_kinds;
  std::vector<std::string> score_values;
  for (const auto& [image, found] : facets) {
    for (const Facet& facet : found) {
      some_removed = some_removed || facet == Facet{"state", "removed"};
      if (!FacetBlock::IsOfScores(facet)) continue;
      score_kinds.push_back(facet.first);
      score_values.push_back(facet.second);
    }
  }
  FacetBlock sets(project, block);
  sets.ReadAll(transaction, some_removed);
  if (!some_removed && !score_kinds.empty()) {
    sets.Read(transaction.Exec("SelectFacetsOfBlock", project, block, score_kinds, score_values));
  }
  for (const auto& [image, found] : facets) {
    sets.Remove(image, some_removed);
    for (const Facet& facet : found) sets.Add(facet, image);
  }
  sets.Write(transaction);
}

bool IsAlone(Transaction& transaction) { return transaction.Exec("LockImageFacets")[0][0].as<bool>(); }

}  // namespace

bool IndexChangedImages(Transaction& transaction, int at_most) {
  if (!IsAlone(transaction)) return false;
  const pqxx::result taken = transaction.Exec("TakeImageChanges", at_most);
  std::map<std::pair<ProjectId, int64_t>, std::set<int64_t>> blocks;
  for (const auto& row : taken) {
    const int64_t image = row["image_id"].as<int64_t>();
    blocks[{IdOf<ProjectId>(row["project_id"]), ImageSet::BlockOf(image)}].insert(image);
  }
  for (const auto& [place, images] : blocks) IndexBlock(transaction, place.first, place.second, images);
  return static_cast<int>(taken.size()) == at_most;
}

bool IndexScores(Transaction& transaction) {
  const pqxx::result found = transaction.Exec("SelectProjectToScore");
  if (found.empty() || !IsAlone(transaction)) return false;
  const auto project = IdOf<ProjectId>(found[0]["project_id"]);
  const auto model = IdOf<ModelId>(found[0]["model_id"]);
  if (found[0]["is_new"].as<bool>()) {
    transaction.Exec("BeginScores", project, model);
    return true;
  }
  const int64_t block = found[0]["next_block"].as<int64_t>();
  const int64_t first = block * ImageSet::kBlockImages;
  FacetBlock sets(project, block);
  for (const auto& row :
       transaction.Exec("SelectScoresOfBlock", model, project, first, first + ImageSet::kBlockImages - 1)) {
    const int64_t image = row["id"].as<int64_t>();
    sets.Add({"scored", ""}, image);
    const auto score = row["score"].as<std::string>();
    sets.Add({"score", score}, image);
    sets.Add({"tenth", score.substr(0, 2)}, image);
  }
  transaction.Exec("DropScoresOfBlock", project, block);
  sets.Write(transaction);
  transaction.Exec("MoveScores", project, block);
  return true;
}

}  // namespace loupe
