#include "server/quality/answer_matching.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

AnswerBox At(float x, float y, float side = 10, int32_t label = 1) {
  return {{x, y, x + side, y + side}, label};
}

TEST(AnswerMatching, IouIsThatOfAreas) {
  EXPECT_DOUBLE_EQ(Iou(At(0, 0), At(0, 0)), 1);
  EXPECT_DOUBLE_EQ(Iou(At(0, 0), At(5, 0)), 50.0 / 150);
  EXPECT_EQ(Iou(At(0, 0), At(10, 0)), 0);
  EXPECT_EQ(Iou(At(0, 0, 0), At(0, 0, 0)), 0);
}

TEST(AnswerMatching, BoxesOfTheSameThingAreJoinedWhateverTheirLabels) {
  const std::vector<Answer> answers = {{At(0, 0), At(50, 50)}, {At(51, 50, 10, 2), At(100, 0)}};
  EXPECT_THAT(MatchAnswers(answers), ElementsAre(Thing{0, kNoBox}, Thing{1, 0}, Thing{kNoBox, 1}));
  EXPECT_THAT(MatchAnswers(std::vector<Answer>{{}, {}}), IsEmpty());
}

TEST(AnswerMatching, TheClosestArePairedFirstAndABoxOnce) {
  // The second box of the second answer is nearer to the only one of the first.
  const std::vector<Answer> answers = {{At(0, 0)}, {At(2, 0), At(1, 0)}};
  EXPECT_THAT(MatchAnswers(answers), ElementsAre(Thing{0, 1}, Thing{kNoBox, 0}));
}

TEST(AnswerMatching, ThreeAnswersShareAThing) {
  const std::vector<Answer> answers = {{At(0, 0)}, {At(1, 0)}, {At(0, 1), At(0, 0)}};
  EXPECT_THAT(MatchAnswers(answers), ElementsAre(Thing{0, 0, 1}, Thing{kNoBox, kNoBox, 0}));
}

TEST(AnswerMatching, HalfIsEnough) {
  EXPECT_EQ(MatchAnswers(std::vector<Answer>{{{{0, 0, 10, 10}, 1}}, {{{0, 0, 10, 5}, 1}}}).size(), 1u);
  EXPECT_EQ(MatchAnswers(std::vector<Answer>{{{{0, 0, 10, 10}, 1}}, {{{0, 0, 10, 4.9F}, 1}}}).size(), 2u);
}

// Every box is in one thing, at its answer's place, and the order of the answers changes nothing but places.
TEST(AnswerMatching, EveryBoxIsInOneThing) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    evaluation::SeededRandom random(seed);
    std::vector<Answer> answers(2 + random.Below(3));
    for (Answer& answer : answers) {
      answer.resize(random.Below(12));
      for (AnswerBox& box : answer)
        box = At(static_cast<float>(30 * random.Uniform()), static_cast<float>(8 * random.Uniform()));
    }
    const std::vector<Thing> things = MatchAnswers(answers);
    for (size_t a = 0; a < answers.size(); ++a) {
      std::vector<int32_t> places;
      for (const Thing& thing : things) {
        ASSERT_EQ(thing.size(), answers.size());
        if (thing[a] != kNoBox) places.push_back(thing[a]);
      }
      std::sort(places.begin(), places.end());
      std::vector<int32_t> expected(answers[a].size());
      std::iota(expected.begin(), expected.end(), 0);
      EXPECT_EQ(places, expected) << seed;
    }
    std::vector<Answer> turned(answers.rbegin(), answers.rend());
    EXPECT_EQ(MatchAnswers(turned).size(), things.size()) << seed;
  }
}

}  // namespace
}  // namespace loupe::quality
