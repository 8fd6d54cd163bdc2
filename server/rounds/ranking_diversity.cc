#include "server/rounds/ranking_diversity.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "server/rounds/image_pages.h"

namespace loupe {
namespace {

using ranking::Embeddings;

constexpr int kPageRows = 2000;

// Embeddings and perceptual hashes of images, by the same index.
struct Looks {
  explicit Looks(size_t width) : embeddings(width) {}

  // Returns false and adds nothing when the embedding can't be used.
  bool Add(const Appearance& appearance) {
    if (!embeddings.Append(appearance.embedding).ok()) return false;
    hashes.push_back(appearance.perceptual_hash);
    return true;
  }

  Embeddings embeddings;
  std::vector<std::optional<uint64_t>> hashes;
};

// Length of the model's embeddings, in numbers. All are equal; a shorter one is broken, so take the maximum.
size_t WidthOf(std::span<const Appearance> known) {
  size_t bytes = 0;
  for (const Appearance& appearance : known) bytes = std::max(bytes, appearance.embedding.size());
  return bytes / sizeof(uint16_t);
}

absl::StatusOr<std::vector<Appearance>> ReadKnown(Database& database, ModelId model,
                                                  const ranking::DiversityRequest& request) {
  std::vector<int64_t> ids = request.served;
  for (const auto& group : request.groups) ids.insert(ids.end(), group.best.begin(), group.best.end());
  std::vector<Appearance> known;
  for (size_t begin = 0; begin < ids.size(); begin += kPageRows) {
    const std::vector<int64_t> page(
        ids.begin() + static_cast<std::ptrdiff_t>(begin),
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kPageRows, ids.size())));
    absl::StatusOr<std::vector<Appearance>> read =
        database.Transact({"ReadAppearances", Database::kLongest},
                          [&](Transaction& transaction) -> absl::StatusOr<std::vector<Appearance>> {
                            return ReadAppearances(transaction, model, page);
                          });
    if (!read.ok()) return read.status();
    std::move(read->begin(), read->end(), std::back_inserter(known));
  }
  return known;
}

absl::StatusOr<std::vector<Appearance>> ReadLabelled(Database& database, ProjectId project, ModelId model) {
  std::vector<Appearance> labelled;
  const absl::Status read = ForEachImage(
      database, "ReadLabelledAppearances",
      [&](Transaction& transaction, ImageId after, int limit) {
        return ReadLabelledAppearances(transaction, project, model, after, limit);
      },
      [](const Appearance& appearance) { return appearance.image; },
      [&](Appearance appearance) { labelled.push_back(std::move(appearance)); });
  if (!read.ok()) return read;
  return labelled;
}

// An image of a group that has an embedding.
struct Competitor {
  size_t group = 0;
  size_t index = 0;  // in the group's `best`
};

}  // namespace

std::vector<ranking::DiverseOrder> DifferentFirst(const ranking::DiversityRequest& request,
                                                  std::span<const Appearance> known,
                                                  std::span<const Appearance> labelled) {
  if (known.empty()) return {};
  std::unordered_map<int64_t, const Appearance*> by_image;
  for (const Appearance& appearance : known) by_image.emplace(appearance.image.value(), &appearance);

  const size_t width = WidthOf(known);
  Looks looks(width);  // of the first centres, then of the candidates
  Embeddings centres(width);
  const auto add_centre = [&](const Appearance& appearance) {
    if (looks.Add(appearance)) (void)centres.Append(appearance.embedding);  // valid: Add took it
  };
  for (const Appearance& appearance : labelled) add_centre(appearance);
  for (const int64_t image : request.served) {
    if (const auto found = by_image.find(image); found != by_image.end()) add_centre(*found->second);
  }
  const size_t first_candidate = looks.hashes.size();
  std::vector<Competitor> seen;
  for (size_t g = 0; g < request.groups.size(); ++g) {
    for (size_t i = 0; i < request.groups[g].best.size(); ++i) {
      const auto found = by_image.find(request.groups[g].best[i]);
      if (found != by_image.end() && looks.Add(*found->second)) seen.push_back({g, i});
    }
  }
  const std::vector<size_t> originals = ranking::MergeNearDuplicates(looks.hashes, looks.embeddings);

  std::vector<ranking::DiverseOrder> orders(request.groups.size());
  auto next = seen.begin();
  for (size_t g = 0; g < request.groups.size(); ++g) {
    const ranking::DiversityRequest::Group& group = request.groups[g];
    std::unordered_set<size_t> seen_originals;  // of the group's images so far
    std::vector<size_t> unique;                 // index into group.best for each row of `candidates`
    Embeddings candidates(width);
    std::vector<double> weights;
    for (; next != seen.end() && next->group == g; ++next) {
      const size_t original = originals[first_candidate + static_cast<size_t>(next - seen.begin())];
      if (original < first_candidate || !seen_originals.insert(original).second) {
        orders[g].last.push_back(next->index);
        continue;
      }
      unique.push_back(next->index);
      weights.push_back(group.scores[next->index]);
      (void)candidates.Append(by_image.at(group.best[next->index])->embedding);
    }
    for (const size_t pick :
         ranking::WeightedKCenter(candidates, weights, centres, group.count, /*threads=*/0)) {
      orders[g].first.push_back(unique[pick]);
      (void)centres.Append(by_image.at(group.best[unique[pick]])->embedding);
    }
  }
  return orders;
}

absl::StatusOr<std::vector<ranking::DiverseOrder>> ChooseDifferent(Database& database, ProjectId project,
                                                                   ModelId model,
                                                                   const ranking::DiversityRequest& request) {
  const absl::StatusOr<std::vector<Appearance>> known = ReadKnown(database, model, request);
  if (!known.ok()) return known.status();
  if (known->empty()) return std::vector<ranking::DiverseOrder>();  // scores alone decide
  const absl::StatusOr<std::vector<Appearance>> labelled = ReadLabelled(database, project, model);
  if (!labelled.ok()) return labelled.status();
  return DifferentFirst(request, *known, *labelled);
}

}  // namespace loupe
