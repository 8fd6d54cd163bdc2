#include "recipe/recipe_fields.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/reflection.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/precisions.h"
#include "recipe/presets.h"
#include "recipe/strategies.h"

namespace loupe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

FieldRule Within(const char* path, double low, double high) { return {path, FieldRange{low, high}, {}}; }
FieldRule Above(const char* path, double low, double high) {
  return {path, FieldRange{low, high, true, false}, {}};
}
FieldRule Below(const char* path, double low, double high) {
  return {path, FieldRange{low, high, false, true}, {}};
}

template <typename Names>
FieldRule OneOf(const char* path, const Names& names) {
  return {path, std::nullopt, {names.begin(), names.end()}};
}

// A whole number in full.
std::string NumberText(double value) {
  const bool whole = std::abs(value) < 1e15 && value == std::floor(value);
  return whole ? absl::StrCat(static_cast<int64_t>(value)) : absl::StrCat(value);
}

std::string RangeText(const FieldRange& range) {
  const std::string low = NumberText(range.low);
  const std::string high = NumberText(range.high);
  if (!range.low_excluded && !range.high_excluded) return absl::StrCat("from ", low, " to ", high);
  if (!range.low_excluded) return absl::StrCat("from ", low, " to below ", high);
  return absl::StrCat("above ", low, range.high_excluded ? " and below " : " and at most ", high);
}

// NaN is in no range.
bool Holds(const FieldRange& range, double value) {
  return (range.low_excluded ? value > range.low : value >= range.low) &&
         (range.high_excluded ? value < range.high : value <= range.high);
}

// The values of a number that is set.
std::vector<double> NumbersOf(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    const auto& values = reflection.GetRepeatedFieldRef<double>(message, &field);
    return {values.begin(), values.end()};
  }
  if (!reflection.HasField(message, &field)) return {};
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT32)
    return {1.0 * reflection.GetUInt32(message, &field)};
  return {reflection.GetDouble(message, &field)};
}

void CheckRange(const Message& message, const FieldDescriptor& field, const FieldRule& rule,
                std::vector<std::string>& broken) {
  for (const double value : NumbersOf(message, field)) {
    if (Holds(*rule.range, value)) continue;
    broken.push_back(
        absl::StrCat(rule.path, " is ", NumberText(value), ", must be ", RangeText(*rule.range)));
  }
}

void CheckChoice(const Message& message, const FieldDescriptor& field, const FieldRule& rule,
                 std::vector<std::string>& broken) {
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.HasField(message, &field)) return;
  const std::string value = reflection.GetString(message, &field);
  if (std::find(rule.choices.begin(), rule.choices.end(), value) != rule.choices.end()) return;
  broken.push_back(
      absl::StrCat(rule.path, " is \"", value, "\", must be one of ", absl::StrJoin(rule.choices, ", ")));
}

}  // namespace

const std::vector<FieldRule>& FieldRules() {
  static const auto& rules = *new std::vector<FieldRule>{
      OneOf("detector.preset", RecipePresetNames()),
      Within("detector.min_size", 1, 4096),
      Within("detector.max_size", 1, 8192),
      Within("detector.trainable_layers", 0, 6),
      Above("detector.init_shrink", 0, 1),
      Within("detector.init_perturb", 0, 1),
      Within("training.iterations", 1, 1'000'000),
      Within("training.batch_size", 1, 256),
      Above("training.learning_rate", 0, 10),
      Within("training.backbone_rate_factor", 0, 1),
      Within("training.weight_decay", 0, 1),
      Below("training.momentum", 0, 1),
      Within("training.warmup_iterations", 0, 1'000'000),
      {"training.decay_at", FieldRange{0, 1, true, true}, {}},
      Above("training.decay_factor", 0, 1),
      Within("training.clip_norm", 0, 1'000'000),
      Within("training.flip_horizontal", 0, 1),
      Within("training.flip_vertical", 0, 1),
      Within("training.repeat_threshold", 0, 1),
      Within("training.checkpoint_interval", 1, 1'000'000),
      Within("training.final_factor", 0, 1),
      Within("training.scale_min", 0.1, 1),
      Within("training.scale_max", 1, 10),
      Within("training.crop_chance", 0, 1),
      Above("training.crop_min_side", 0, 1),
      Above("training.min_box_share", 0, 1),
      Within("training.colour_jitter", 0, 0.9),
      Within("training.hue_jitter", 0, 0.5),
      Below("training.ema_decay", 0, 1),
      Within("training.accumulation_steps", 1, 1024),
      Within("training.validation_share", 0, 0.5),
      Within("training.validation_interval", 1, 1'000'000),
      OneOf("training.precision", kPrecisionNames),
      Within("prediction.boxes_per_image", 1, 1000),
      Within("prediction.shard_size", 1, 100'000),
      OneOf("prediction.precision", kPrecisionNames),
      OneOf("ranking.strategy", kStrategyNames),
      Within("ranking.budget", 1, 1'000'000),
      Within("ranking.random_share", 0, 1),
      Within("ranking.rare_share", 0, 1),
      Within("ranking.random_blind_share", 0, 1),
      Within("ranking.uncertain_blind_share", 0, 1),
      Within("ranking.cost_exponent", 0, 1),
      Within("ranking.depth_factor", 1, 1000),
      OneOf("ranking.box_to_image", kBoxToImageNames),
      Within("gate.tolerance", 0, 1),
      Within("gate.min_images", 0, 1'000'000),
      Below("pseudo_labels.min_precision", 0.5, 1),
      Within("label_errors.folds", 0, 10),
      Within("label_errors.reviews", 0, 10'000),
  };
  return rules;
}

std::vector<std::string> BrokenRules(const v1::Recipe& recipe) {
  std::vector<std::string> broken;
  for (const FieldRule& rule : FieldRules()) {
    const size_t dot = rule.path.find('.');
    const FieldDescriptor* section = v1::Recipe::descriptor()->FindFieldByName(rule.path.substr(0, dot));
    const Message& message = recipe.GetReflection()->GetMessage(recipe, section);
    const FieldDescriptor& field = *section->message_type()->FindFieldByName(rule.path.substr(dot + 1));
    rule.range.has_value() ? CheckRange(message, field, rule, broken)
                           : CheckChoice(message, field, rule, broken);
  }
  return broken;
}

}  // namespace loupe
