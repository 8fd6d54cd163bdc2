// Names of the ways to rank images, as recipes, projects and the database spell them.
// proto/loupe/v1/recipe.proto says what each does, server/ranking/uncertainty.h how.
#pragma once

#include <array>

namespace loupe {

// RankingRecipe.strategy, Project.strategy.
inline constexpr const char* kCombinedName = "combined";
inline constexpr const char* kEntropyName = "entropy";
inline constexpr const char* kMarginName = "margin";
inline constexpr const char* kLeastConfidenceName = "least_confidence";
inline constexpr const char* kConsistencyName = "consistency";
inline constexpr const char* kRandomName = "random";
inline constexpr std::array<const char*, 6> kStrategyNames = {
    kCombinedName, kEntropyName, kMarginName, kLeastConfidenceName, kConsistencyName, kRandomName};

// RankingRecipe.box_to_image.
inline constexpr const char* kSumName = "sum";
inline constexpr const char* kMeanName = "mean";
inline constexpr const char* kMaxName = "max";
inline constexpr std::array<const char*, 3> kBoxToImageNames = {kSumName, kMeanName, kMaxName};

}  // namespace loupe
