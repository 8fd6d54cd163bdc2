#include "coco/category_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::Optional;

TEST(CategoryLabelsTest, ACategoryHasTheLabelOfTheClassWithItsName) {
  const auto labels =
      CategoryLabels::ByName({{40, "dent"}, {7, "scratch"}, {9, "hair"}}, {"scratch", "burr", "dent"});
  EXPECT_THAT(labels.LabelOf(7), Optional(1U));
  EXPECT_THAT(labels.LabelOf(40), Optional(3U));
  EXPECT_EQ(labels.LabelOf(9), std::nullopt) << "hair is no class";
  EXPECT_EQ(labels.LabelOf(1), std::nullopt) << "1 is a label and no category id";
  EXPECT_THAT(labels.CategoryIdOf(1), Optional(7));
  EXPECT_EQ(labels.CategoryIdOf(2), std::nullopt) << "burr is no category";
  EXPECT_THAT(labels.CategoryIdOf(3), Optional(40));
  EXPECT_EQ(labels.CategoryIdOf(0), std::nullopt);
  EXPECT_EQ(labels.CategoryIdOf(4), std::nullopt);
  EXPECT_EQ(labels.NameOf(9), "hair");
  EXPECT_EQ(labels.NameOf(8), "");
}

TEST(CategoryLabelsTest, WithoutAProjectLabelsFollowAscendingIds) {
  const auto labels = CategoryLabels::ByAscendingId({{40, "dent"}, {0, "scratch"}, {9, "hair"}});
  EXPECT_THAT(labels.class_names(), ElementsAre("scratch", "hair", "dent"));
  EXPECT_THAT(labels.LabelOf(0), Optional(1U));
  EXPECT_THAT(labels.LabelOf(9), Optional(2U));
  EXPECT_THAT(labels.LabelOf(40), Optional(3U));
  EXPECT_THAT(labels.CategoryIdOf(1), Optional(0));
  EXPECT_THAT(labels.CategoryIdOf(3), Optional(40));
}

}  // namespace
}  // namespace loupe
