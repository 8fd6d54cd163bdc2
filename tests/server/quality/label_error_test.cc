#include "server/quality/label_error.h"

#include <gtest/gtest.h>

#include <vector>

namespace loupe::quality {
namespace {

v1::Box BoxAt(float x) {
  v1::Box box;
  box.set_x1(x);
  box.set_y1(10);
  box.set_x2(x + 40);
  box.set_y2(50);
  return box;
}

v1::LabelBox Label(int64_t id, float x, uint32_t label) {
  v1::LabelBox box;
  box.set_box_id(id);
  *box.mutable_box() = BoxAt(x);
  box.set_label(label);
  return box;
}

v1::LabelError Error(v1::LabelErrorKind kind, int64_t id, float x, uint32_t label) {
  v1::LabelError error;
  error.set_kind(kind);
  error.set_box_id(id);
  if (kind == v1::LABEL_INVENTED) return error;
  *error.mutable_box() = BoxAt(x);
  error.set_label(label);
  return error;
}

using Boxes = std::vector<v1::LabelBox>;
const Boxes kBefore = {Label(1, 10, 1), Label(2, 200, 2)};

TEST(LabelErrorTest, MissingIsMendedByABoxOfTheClassThere) {
  const v1::LabelError error = Error(v1::LABEL_MISSING, 0, 100, 1);
  EXPECT_FALSE(IsMended(error, kBefore, kBefore));
  EXPECT_TRUE(IsMended(error, kBefore, Boxes{kBefore[0], kBefore[1], Label(0, 105, 1)}));
  EXPECT_FALSE(IsMended(error, kBefore, Boxes{kBefore[0], kBefore[1], Label(0, 105, 2)}));
  EXPECT_FALSE(IsMended(error, kBefore, Boxes{kBefore[0], kBefore[1], Label(0, 135, 1)}));
  v1::LabelBox region = Label(0, 100, 1);
  region.set_ignore(true);
  EXPECT_FALSE(IsMended(error, kBefore, Boxes{kBefore[0], kBefore[1], region}));
}

// Whoever changed the box saw an error, also where it was mended in another way than proposed.
TEST(LabelErrorTest, ABoxIsMendedByChangingIt) {
  for (const v1::LabelError& error :
       {Error(v1::LABEL_MOVED, 1, 20, 1), Error(v1::LABEL_WRONG_CLASS, 1, 10, 3),
        Error(v1::LABEL_INVENTED, 1, 0, 0)}) {
    EXPECT_FALSE(IsMended(error, kBefore, kBefore));
    EXPECT_TRUE(IsMended(error, kBefore, Boxes{Label(1, 20, 1), kBefore[1]}));
    EXPECT_TRUE(IsMended(error, kBefore, Boxes{Label(1, 10, 3), kBefore[1]}));
    EXPECT_TRUE(IsMended(error, kBefore, Boxes{Label(0, 22, 1), kBefore[1]}));  // drawn anew
    EXPECT_TRUE(IsMended(error, kBefore, Boxes{kBefore[1]}));
    EXPECT_FALSE(IsMended(error, kBefore, Boxes{kBefore[0]}));
  }
}

}  // namespace
}  // namespace loupe::quality
