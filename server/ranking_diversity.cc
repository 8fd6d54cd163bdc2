#include "server/ranking_diversity.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "server/image_pages.h"
#include "server/ranking/diversity.h"

namespace loupe {
namespace {

using ranking::Embeddings;

constexpr int kPageRows = 2000;

// Embeddings with the hashes of their images.
struct Looks {
  explicit Looks(size_t width) : embeddings(width) {}

  // False where the embedding can't be used; nothing is added then.
  bool Add(const Appearance& appearance) {
    if (!embeddings.Append(appearance.embedding).ok()) return false;
    hashes.push_back(appearance.perceptual_hash);
    return true;
  }

  Embeddings embeddings;
  std::vector<std::optional<uint64_t>> hashes;
};

// Numbers in an embedding, by the one of most bytes: a model's are all of one length.
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
    absl::StatusOr<std::vector<Appearance>> read = database.Transact(
        "ReadAppearances", [&](Transaction& transaction) -> absl::StatusOr<std::vector<Appearance>> {
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

// An image of a request.
struct Competitor {
  double score = 0;
  int64_t image = 0;
  size_t group = 0;
  size_t index = 0;  // in the group's `best`
};

// Of all groups together: an image may nearly repeat one of another class.
std::vector<Competitor> BestFirst(const ranking::DiversityRequest& request) {
  std::vector<Competitor> competitors;
  for (size_t g = 0; g < request.groups.size(); ++g) {
    const auto& [best, scores, count] = request.groups[g];
    for (size_t i = 0; i < best.size(); ++i) competitors.push_back({scores[i], best[i], g, i});
  }
  std::sort(competitors.begin(), competitors.end(), [](const Competitor& a, const Competitor& b) {
    return a.score != b.score ? a.score > b.score : a.image < b.image;
  });
  return competitors;
}

// What can be chosen from in one group; numbers are indices into its `best`.
struct GroupChoice {
  explicit GroupChoice(size_t width) : embeddings(width) {}

  std::vector<size_t> unique;  // a row of `embeddings` each
  std::vector<double> weights;
  Embeddings embeddings;
  std::vector<size_t> duplicates;
};

// The picks, of choice.unique; then what is neither picked nor a near-duplicate, and near-duplicates last.
std::vector<size_t> OrderOf(const GroupChoice& choice, const std::vector<size_t>& picks, size_t size) {
  std::vector<size_t> order;
  std::vector<bool> placed(size);
  for (const size_t pick : picks) {
    order.push_back(choice.unique[pick]);
    placed[choice.unique[pick]] = true;
  }
  for (const size_t i : choice.duplicates) placed[i] = true;
  for (size_t i = 0; i < size; ++i) {
    if (!placed[i]) order.push_back(i);
  }
  order.insert(order.end(), choice.duplicates.begin(), choice.duplicates.end());
  return order;
}

}  // namespace

std::vector<std::vector<size_t>> DifferentFirst(const ranking::DiversityRequest& request,
                                                std::span<const Appearance> known,
                                                std::span<const Appearance> labelled) {
  if (known.empty()) return {};
  std::unordered_map<int64_t, const Appearance*> by_image;
  for (const Appearance& appearance : known) by_image.emplace(appearance.image.value(), &appearance);

  const size_t width = WidthOf(known);
  Looks looks(width);  // what is there already, then candidates
  Embeddings centres(width);
  const auto add_centre = [&](const Appearance& appearance) {
    if (looks.Add(appearance)) (void)centres.Append(appearance.embedding);  // it fitted once
  };
  for (const Appearance& appearance : labelled) add_centre(appearance);
  for (const int64_t image : request.served) {
    if (const auto found = by_image.find(image); found != by_image.end()) add_centre(*found->second);
  }
  const size_t first_candidate = looks.hashes.size();
  std::vector<Competitor> seen;
  for (const Competitor& competitor : BestFirst(request)) {
    const auto found = by_image.find(competitor.image);
    if (found != by_image.end() && looks.Add(*found->second)) seen.push_back(competitor);
  }

  const std::vector<size_t> originals = ranking::MergeNearDuplicates(looks.hashes, looks.embeddings);
  std::vector<GroupChoice> choices(request.groups.size(), GroupChoice(width));
  for (size_t s = 0; s < seen.size(); ++s) {
    GroupChoice& choice = choices[seen[s].group];
    if (originals[first_candidate + s] != first_candidate + s) {
      choice.duplicates.push_back(seen[s].index);
    } else {
      choice.unique.push_back(seen[s].index);
      choice.weights.push_back(seen[s].score);
      (void)choice.embeddings.Append(by_image.at(seen[s].image)->embedding);
    }
  }
  std::vector<std::vector<size_t>> orders;
  for (size_t g = 0; g < choices.size(); ++g) {
    const GroupChoice& choice = choices[g];
    const std::vector<size_t> picks = ranking::WeightedKCenter(choice.embeddings, choice.weights, centres,
                                                               request.groups[g].count, /*threads=*/0);
    for (const size_t pick : picks) {
      const int64_t image = request.groups[g].best[choice.unique[pick]];
      (void)centres.Append(by_image.at(image)->embedding);
    }
    orders.push_back(OrderOf(choice, picks, request.groups[g].best.size()));
  }
  return orders;
}

absl::StatusOr<std::vector<std::vector<size_t>>> ChooseDifferent(Database& database, ProjectId project,
                                                                 ModelId model,
                                                                 const ranking::DiversityRequest& request) {
  const absl::StatusOr<std::vector<Appearance>> known = ReadKnown(database, model, request);
  if (!known.ok()) return known.status();
  const absl::StatusOr<std::vector<Appearance>> labelled = ReadLabelled(database, project, model);
  if (!labelled.ok()) return labelled.status();
  return DifferentFirst(request, *known, *labelled);
}

}  // namespace loupe
