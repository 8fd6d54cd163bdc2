#include "server/insight/disagreements.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/quality/answer_matching.h"

namespace loupe {
namespace {

// Things that the two don't see alike.
uint32_t CountDiffering(const OpinionPair& pair) {
  const std::array answers = {quality::AnswerOf(pair.first), quality::AnswerOf(pair.second)};
  const std::vector<quality::Thing> things = quality::MatchAnswers(answers);
  const auto differs = [&](const quality::Thing& thing) {
    if (thing[0] == quality::kNoBox || thing[1] == quality::kNoBox) return true;
    return answers[0][static_cast<size_t>(thing[0])].label != answers[1][static_cast<size_t>(thing[1])].label;
  };
  return static_cast<uint32_t>(std::count_if(things.begin(), things.end(), differs));
}

}  // namespace

std::vector<v1::Disagreement> FindDisagreements(const std::vector<OpinionPair>& pairs) {
  std::vector<v1::Disagreement> found;
  for (const OpinionPair& pair : pairs) {
    const uint32_t differing = pair.is_open ? CountDiffering(pair) : 0;
    if (differing == 0) continue;
    v1::Disagreement& disagreement = found.emplace_back();
    disagreement.mutable_image()->set_id(pair.image.value());
    disagreement.set_differing(differing);
    disagreement.set_first_author(pair.first_author);
    disagreement.set_second_author(pair.second_author);
    disagreement.mutable_first()->Assign(pair.first.begin(), pair.first.end());
    disagreement.mutable_second()->Assign(pair.second.begin(), pair.second.end());
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const v1::Disagreement& one, const v1::Disagreement& other) {
                     return one.differing() > other.differing();
                   });
  return found;
}

}  // namespace loupe
