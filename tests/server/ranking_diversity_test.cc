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

ranking::DiversityRequest Request(std::vector<int64_t> best, size_t count) {
  ranking::DiversityRequest request;
  request.best = std::move(best);
  for (size_t i = 0; i < request.best.size(); ++i) request.scores.push_back(1 - 0.1 * static_cast<double>(i));
  request.count = count;
  return request;
}

TEST(DifferentFirst, OneOfEachKindComesFirstAndNearDuplicatesLast) {
  // 1 and 2 are one picture twice, 3 looks like them and is another picture, 4 and 5 look otherwise.
  const std::vector<Appearance> known = {Look(1, 0, 0xff), Look(2, 0, 0xfe), Look(3, 0, ~uint64_t{0}),
                                         Look(4, 1, 0xff), Look(5, 2, 0xff)};
  EXPECT_THAT(DifferentFirst(Request({1, 2, 3, 4, 5}, 3), known, {}), ElementsAre(0, 3, 4, 2, 1));
}

TEST(DifferentFirst, WhatIsLabelledOrServedAlreadyIsACentre) {
  const std::vector<Appearance> known = {Look(1, 0, 1), Look(2, 1, 2), Look(3, 2, 4),
                                         Look(9, 1, ~uint64_t{0})};
  ranking::DiversityRequest request = Request({1, 2, 3}, 1);
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 0, ~uint64_t{0})}), ElementsAre(1, 0, 2));
  request.served = {9};
  EXPECT_THAT(DifferentFirst(request, known, std::vector{Look(8, 0, ~uint64_t{0})}), ElementsAre(2, 0, 1));
}

TEST(DifferentFirst, ANearDuplicateOfALabelledImageComesLast) {
  const std::vector<Appearance> known = {Look(1, 0, 1), Look(2, 1, 2)};
  EXPECT_THAT(DifferentFirst(Request({1, 2}, 2), known, std::vector{Look(8, 0, 3)}), ElementsAre(1, 0));
}

TEST(DifferentFirst, ImagesWithoutAnEmbeddingKeepTheirPlaceByScore) {
  const std::vector<Appearance> known = {Look(2, 0, 1), Look(4, 1, 2), {ImageId(3), "odd", std::nullopt}};
  EXPECT_THAT(DifferentFirst(Request({1, 2, 3, 4}, 1), known, {}), ElementsAre(1, 0, 2, 3));
  EXPECT_TRUE(DifferentFirst(Request({1, 2}, 2), {}, {}).empty()) << "nothing is known: scores decide";
}

}  // namespace
}  // namespace loupe
