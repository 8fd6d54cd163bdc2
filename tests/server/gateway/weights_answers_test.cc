#include "server/gateway/weights_answers.h"

#include <gtest/gtest.h>

namespace loupe {
namespace {

TEST(ParseWeightsTest, OneSpellingIsAModels) {
  EXPECT_EQ(ParseWeights("/models/7/weights"), ModelId(7));
  for (const char* path :
       {"/models/7", "/models//weights", "/models/07/weights", "/models/0/weights", "/models/-7/weights",
        "/models/+7/weights", "/models/7/weights/", "/models/x/weights", "/models/7/8/weights",
        "/models/99999999999999999999/weights", "/weights"}) {
    EXPECT_EQ(ParseWeights(path), std::nullopt) << path;
  }
}

}  // namespace
}  // namespace loupe
