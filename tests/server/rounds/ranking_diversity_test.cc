#include "server/rounds/ranking_diversity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Half floats of the unit vector along an axis of five.
std::string Axis(int axis) {
  std::string bytes(10, '\0');
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

// An order whose lists are these indices.
auto Order(const testing::Matcher<std::vector<size_t>>& first,
           const testing::Matcher<std::vector<size_t>>& last) {
  return testing::AllOf(testing::Field("first", &ranking::DiverseOrder::first, first),
                        testing::Field("last", &ranking::DiverseOrder::last, last));
}

TEST(DifferentFirst, OneOfEachKindComesFirstAndNearDuplicatesLast) {
  // 1 and 2 are one picture twice, 3 looks like them and is another picture, 4 and 5 look otherwise.
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 0, 0xfe), Look(3, 0, ~uint64_t{0}),
                                         Look(4, 1, 0xff), Look(5, 2, 0xff)};
  EXPECT_THAT(DifferentFirst(Request({1, 2, 3, 4, 5}, 3), known, {}),
              ElementsAre(Order(ElementsAre(0, 3, 4), ElementsAre(1))));
}

TEST(DifferentFirst, WhatIsLabelledOrServedAlreadyIsACentre) {
  const std::vector<Appearance> known = {Look(1, 0, 1), Look(2, 1, 2), Look(3, 2, 4),
                                         Look(9, 1, ~uint64_t{0})};
  ranking::DiversityRequest request = Request({1, 2, 3}, 1);
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 0, ~uint64_t{0})}),
              ElementsAre(Order(ElementsAre(1), IsEmpty())));
  request.served = {9};
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 0, ~uint64_t{0})}),
              ElementsAre(Order(ElementsAre(2), IsEmpty())));
}

TEST(DifferentFirst, ANearDuplicateOfALabelledImageComesLast) {
  const std::vector<Appearance> known = {Look(1, 0, 1), Look(2, 1, 2)};
  EXPECT_THAT(DifferentFirst(Request({1, 2}, 2), known, std::vector{Look(8, 0, 3)}),
              ElementsAre(Order(ElementsAre(1), ElementsAre(0))));
}

TEST(DifferentFirst, GroupsCompeteAmongThemselvesOnly) {
  // The second group is worth more, and farther from what is labelled: together it would have all three
  // places.
  const std::vector<Appearance> known = {Look(1, 0, 0x3ff), Look(2, 1, ~uint64_t{0x3ff}),
                                         Look(3, 2, 0xffff0000), Look(4, 3, 0xffffULL << 40),
                                         Look(5, 4, 0xffffULL << 24)};
  const ranking::DiversityRequest request = {.groups = {Group({1, 2}, 1, 0.2), Group({3, 4, 5}, 2)},
                                             .served = {}};
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 0, 0xf0f0f0f0f0f0f0f0)}),
              ElementsAre(Order(ElementsAre(1), IsEmpty()), Order(ElementsAre(0, 1), IsEmpty())));
}

TEST(DifferentFirst, ANearDuplicateOfAnotherGroupIsPutOffOnlyIfThatOneIsTaken) {
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 1, 0xffff), Look(3, 0, 0xfe),
                                         Look(4, 2, 0xffffULL << 40)};
  // 3 nearly repeats 1. Its group prefers it by score to 4, but for a centre that looks like it.
  const ranking::DiversityRequest taken = {.groups = {Group({1, 2}, 1), Group({3, 4}, 1)}, .served = {}};
  EXPECT_THAT(DifferentFirst(taken, known, {}),
              ElementsAre(Order(ElementsAre(0), IsEmpty()), Order(ElementsAre(1), IsEmpty())));
  const ranking::DiversityRequest left = {.groups = {Group({2, 1}, 1), Group({3, 4}, 1)}, .served = {}};
  EXPECT_THAT(DifferentFirst(left, known, {}),
              ElementsAre(Order(ElementsAre(0), IsEmpty()), Order(ElementsAre(0), IsEmpty())));
}

TEST(DifferentFirst, TwoOfAGroupThatRepeatOneOfAnotherAreOnePicture) {
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 0, 0xfe), Look(3, 0, 0xfd)};
  const ranking::DiversityRequest request = {.groups = {Group({1}, 0), Group({2, 3}, 2)}, .served = {}};
  EXPECT_THAT(DifferentFirst(request, known, {}),
              ElementsAre(Order(IsEmpty(), IsEmpty()), Order(ElementsAre(0), ElementsAre(1))));
}

TEST(DifferentFirst, ImagesWithoutAnEmbeddingKeepTheirPlaceByScore) {
  const std::vector<Appearance> known = {Look(2, 0, 1), Look(4, 1, 2), {ImageId(3), "odd", std::nullopt}};
  EXPECT_THAT(DifferentFirst(Request({1, 2, 3, 4}, 1), known, {}),
              ElementsAre(Order(ElementsAre(1), IsEmpty())));
  EXPECT_TRUE(DifferentFirst(Request({1, 2}, 2), {}, {}).empty()) << "nothing is known: scores decide";
}

}  // namespace
}  // namespace loupe
