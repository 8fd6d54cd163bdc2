#include "server/ranking_diversity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loupe {
namespace {

using testing::ElementsAre;

// Half floats of the unit vector along an axis of four.
std::string Axis(int axis) {
  std::string bytes(8, '\0');
  bytes[static_cast<size_t>(2 * axis + 1)] = '\x3c';  // 1.0, little end first
  return bytes;
}

Appearance Look(int64_t image, int axis, std::optional<uint64_t> hash) {
  return {ImageId(image), Axis(axis), hash};
}

// Scores fall by a tenth from image to image, from `first_score`.
ranking::DiversityRequest::Group Group(std::vector<int64_t> best, size_t count, double first_score = 1) {
  ranking::DiversityRequest::Group group;
  group.best = std::move(best);
  for (size_t i = 0; i < group.best.size(); ++i) {
    group.scores.push_back(first_score - 0.1 * static_cast<double>(i));
  }
  group.count = count;
  return group;
}

ranking::DiversityRequest Request(std::vector<int64_t> best, size_t count) {
  return {.groups = {Group(std::move(best), count)}, .served = {}};
}

TEST(DifferentFirst, OneOfEachKindComesFirstAndNearDuplicatesLast) {
  // 1 and 2 are one picture twice, 3 looks like them and is another picture, 4 and 5 look otherwise.
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 0, 0xfe), Look(3, 0, ~uint64_t{0}),
                                         Look(4, 1, 0xff), Look(5, 2, 0xff)};
  EXPECT_THAT(DifferentFirst(Request({1, 2, 3, 4, 5}, 3), known, {}),
              ElementsAre(ElementsAre(0, 3, 4, 2, 1)));
}

TEST(DifferentFirst, WhatIsLabelledOrServedAlreadyIsACentre) {
  const std::vector<Appearance> known = {Look(1, 0, 1), Look(2, 1, 2), Look(3, 2, 4),
                                         Look(9, 1, ~uint64_t{0})};
  ranking::DiversityRequest request = Request({1, 2, 3}, 1);
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 0, ~uint64_t{0})}),
              ElementsAre(ElementsAre(1, 0, 2)));
  request.served = {9};
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 0, ~uint64_t{0})}),
              ElementsAre(ElementsAre(2, 0, 1)));
}

TEST(DifferentFirst, ANearDuplicateOfALabelledImageComesLast) {
  const std::vector<Appearance> known = {Look(1, 0, 1), Look(2, 1, 2)};
  EXPECT_THAT(DifferentFirst(Request({1, 2}, 2), known, std::vector{Look(8, 0, 3)}),
              ElementsAre(ElementsAre(1, 0)));
}

TEST(DifferentFirst, GroupsCompeteAmongThemselvesOnly) {
  // The first group looks alike, the second does not: it would take all places if distances were compared.
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 0, ~uint64_t{0}), Look(3, 1, 0xff),
                                         Look(4, 2, 0xff), Look(5, 3, 0xff)};
  const ranking::DiversityRequest request = {.groups = {Group({1, 2}, 1), Group({3, 4, 5}, 2, 0.5)},
                                             .served = {}};
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 1, 0xf0f0)}),
              ElementsAre(ElementsAre(0, 1), ElementsAre(1, 2, 0)));
}

TEST(DifferentFirst, ANearDuplicateOfABetterImageOfAnotherGroupComesLast) {
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 1, 0xf), Look(3, 0, 0xfe)};
  const ranking::DiversityRequest request = {.groups = {Group({1, 2}, 1, 0.5), Group({3}, 1)}, .served = {}};
  EXPECT_THAT(DifferentFirst(request, known, {}), ElementsAre(ElementsAre(1, 0), ElementsAre(0)));
}

TEST(DifferentFirst, WhatAnEarlierGroupChoseIsACentre) {
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 0, ~uint64_t{0}), Look(3, 1, 0xff)};
  const ranking::DiversityRequest request = {.groups = {Group({1}, 1), Group({2, 3}, 1)}, .served = {}};
  EXPECT_THAT(DifferentFirst(request, known, {}), ElementsAre(ElementsAre(0), ElementsAre(1, 0)));
}

TEST(DifferentFirst, ImagesWithoutAnEmbeddingKeepTheirPlaceByScore) {
  const std::vector<Appearance> known = {Look(2, 0, 1), Look(4, 1, 2), {ImageId(3), "odd", std::nullopt}};
  EXPECT_THAT(DifferentFirst(Request({1, 2, 3, 4}, 1), known, {}), ElementsAre(ElementsAre(1, 0, 2, 3)));
  EXPECT_TRUE(DifferentFirst(Request({1, 2}, 2), {}, {}).empty()) << "nothing is known: scores decide";
}

}  // namespace
}  // namespace loupe
