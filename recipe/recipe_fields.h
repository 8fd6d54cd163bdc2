// Which values the fields of a recipe may have, field by field.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loupe/v1/recipe.pb.h"

namespace loupe {

// From `low` to `high`.
struct FieldRange {
  double low = 0;
  double high = 0;
  bool low_excluded = false;
  bool high_excluded = false;
};

// A field without a range, and a text without choices, may have any value. Of a repeated field it holds for
// each value.
struct FieldRule {
  std::string path;  // `training.iterations`
  std::optional<FieldRange> range;
  std::vector<std::string> choices;  // texts
};

const std::vector<FieldRule>& FieldRules();

// What is wrong with the fields that are set, one text per value: each names the field and what is allowed.
std::vector<std::string> BrokenRules(const v1::Recipe& recipe);

}  // namespace loupe
