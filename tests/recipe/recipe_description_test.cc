#include "recipe/recipe_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "recipe/recipe.h"

namespace loupe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<v1::RecipeField> AllFields() {
  const v1::RecipeDescription description = DescribeRecipe();
  std::vector<v1::RecipeField> fields;
  for (const v1::RecipeSection& section : description.sections()) {
    fields.insert(fields.end(), section.fields().begin(), section.fields().end());
  }
  return fields;
}

v1::RecipeField FieldAt(const std::string& path) {
  for (const v1::RecipeField& field : AllFields()) {
    if (field.path() == path) return field;
  }
  ADD_FAILURE() << path;
  return {};
}

// Fields that a value goes with only if others have these values.
const std::map<std::string, std::string> kBeside = {
    {"training.warmup_iterations", "iterations: 1000000"},
    {"ranking.random_share", "rare_share: 0"},
    {"ranking.rare_share", "random_share: 0"},
};

absl::Status StatusWith(const v1::RecipeField& field, const std::string& value) {
  const std::vector<std::string> path = absl::StrSplit(field.path(), '.');
  if (path.size() == 1) return ParseRecipe(absl::StrCat(path[0], ": ", value)).status();
  const auto beside = kBeside.find(field.path());
  return ParseRecipe(absl::StrCat(path[0], " { ", beside == kBeside.end() ? "" : beside->second, " ", path[1],
                                  ": ", value, " }"))
      .status();
}

std::string Quoted(const v1::RecipeField& field, const std::string& value) {
  return field.kind() == v1::RecipeField::TEXT ? absl::StrCat("\"", value, "\"") : value;
}

TEST(RecipeDescription, EveryFieldIsThereOnceWithAComment) {
  std::vector<std::string> expected;
  const auto& recipe = *v1::Recipe::descriptor();
  for (int i = 0; i < recipe.field_count(); ++i) {
    const auto* section = recipe.field(i)->message_type();
    if (section == nullptr) expected.push_back(recipe.field(i)->name());
    for (int j = 0; section != nullptr && j < section->field_count(); ++j) {
      expected.push_back(absl::StrCat(recipe.field(i)->name(), ".", section->field(j)->name()));
    }
  }
  std::vector<std::string> described;
  for (const v1::RecipeField& field : AllFields()) {
    described.push_back(field.path());
    EXPECT_FALSE(field.comment().empty()) << field.path();
    EXPECT_NE(field.kind(), v1::RecipeField::KIND_UNSPECIFIED) << field.path();
  }
  EXPECT_EQ(described, expected);
}

TEST(RecipeDescription, CommentsAreThoseOfTheProtocol) {
  EXPECT_THAT(FieldAt("training.iterations").comment(), HasSubstr("Optimizer steps, 1 to 1,000,000."));
  EXPECT_EQ(FieldAt("training.scale_max").comment(), FieldAt("training.scale_min").comment());
  const v1::RecipeDescription description = DescribeRecipe();
  EXPECT_EQ(description.sections(1).name(), "training");
  EXPECT_EQ(description.sections(1).comment(), "How it is trained.");
  EXPECT_THAT(description.sections(6).comment(), HasSubstr("never become truth"));
}

TEST(RecipeDescription, AMessageIsOneField) {
  const v1::RecipeField overrides = FieldAt("detector.overrides");
  EXPECT_EQ(overrides.kind(), v1::RecipeField::MESSAGE);
  EXPECT_THAT(overrides.defaults(), IsEmpty());
}

TEST(RecipeDescription, DefaultsAreThoseOfAnEmptyRecipe) {
  EXPECT_THAT(FieldAt("training.iterations").defaults(), ElementsAre("400"));
  EXPECT_THAT(FieldAt("training.repeat_threshold").defaults(), ElementsAre("0.1"));
  EXPECT_THAT(FieldAt("training.decay_at").defaults(), ElementsAre("0.7", "0.9"));
  EXPECT_THAT(FieldAt("training.optimizer").defaults(), ElementsAre("ADAMW"));
  EXPECT_THAT(FieldAt("prediction.mirrored").defaults(), ElementsAre("true"));
  EXPECT_THAT(FieldAt("detector.preset").defaults(), ElementsAre("small"));
  EXPECT_THAT(FieldAt("ranking.strategy").defaults(), IsEmpty()) << "the project's";
  EXPECT_THAT(FieldAt("training.learning_rate").defaults(), IsEmpty()) << "the optimizer's";
  for (const v1::RecipeField& field : AllFields()) {
    for (const std::string& value : field.defaults()) {
      EXPECT_TRUE(StatusWith(field, Quoted(field, value)).ok()) << field.path() << " " << value;
    }
  }
}

TEST(RecipeDescription, TheEndsOfEachRangeAreAcceptedAndWhatIsBeyondIsNot) {
  for (const v1::RecipeField& field : AllFields()) {
    const bool integer = field.kind() == v1::RecipeField::INTEGER;
    if (field.path() == "seed" || (!integer && field.kind() != v1::RecipeField::REAL)) continue;
    ASSERT_TRUE(field.has_low() && field.has_high()) << field.path();
    const auto text = [&](double value) { return absl::StrFormat(integer ? "%.0f" : "%.17g", value); };
    const double step = integer ? 1 : (field.high() - field.low()) * 1e-9;
    const auto accepts = [&](double value) {
      const absl::Status status = StatusWith(field, text(value));
      EXPECT_TRUE(status.ok()) << field.path() << ": " << status;
    };
    const auto refuses = [&](double value) {
      EXPECT_THAT(std::string(StatusWith(field, text(value)).message()), HasSubstr(field.path() + " is "))
          << field.path() << " " << value;
    };
    accepts(field.low_excluded() ? field.low() + step : field.low());
    accepts(field.high_excluded() ? field.high() - step : field.high());
    if (!integer || field.low() > 0) refuses(field.low_excluded() ? field.low() : field.low() - step);
    refuses(field.high_excluded() ? field.high() : field.high() + step);
    if (!integer) refuses(NAN);
  }
}

TEST(RecipeDescription, EachChoiceIsAcceptedAndOthersAreNot) {
  int with_choices = 0;
  for (const v1::RecipeField& field : AllFields()) {
    EXPECT_TRUE(field.kind() != v1::RecipeField::ENUM || !field.choices().empty()) << field.path();
    if (field.choices().empty()) continue;
    ++with_choices;
    for (const std::string& choice : field.choices()) {
      EXPECT_TRUE(StatusWith(field, Quoted(field, choice)).ok()) << field.path() << " " << choice;
    }
    EXPECT_FALSE(StatusWith(field, Quoted(field, "nonsense")).ok()) << field.path();
  }
  EXPECT_EQ(with_choices, 7);
}

TEST(RecipeDescription, LimitsByOtherFieldsAreNamed) {
  EXPECT_THAT(std::string(ParseRecipe("training { iterations: 5 warmup_iterations: 6 }").status().message()),
              HasSubstr("training.warmup_iterations is 6, must be at most training.iterations, 5"));
  EXPECT_THAT(std::string(ParseRecipe("training { iterations: 0 }").status().message()),
              HasSubstr("training.iterations is 0, must be from 1 to 1000000"));
}

}  // namespace
}  // namespace loupe
