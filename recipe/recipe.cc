#include "recipe/recipe.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/precisions.h"
#include "recipe/presets.h"
#include "recipe/strategies.h"

namespace loupe {
namespace {

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!text.empty()) return;
    // A negative line number stands for the whole file.
    text = line < 0 ? message : absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }

  std::string text;
};

// Collects the fields that are out of range.
class RangeCheck {
 public:
  // NaN is in no range.
  void Within(const std::string& field, double value, double low, double high) {
    if (value >= low && value <= high) return;
    problems_.push_back(absl::StrCat(field, " is ", value, ", must be from ", low, " to ", high));
  }
  // As Within, without `low` itself.
  void Above(const std::string& field, double value, double low, double high) {
    if (value > low && value <= high) return;
    problems_.push_back(absl::StrCat(field, " is ", value, ", must be above ", low, " and at most ", high));
  }
  // As Within, without `high` itself.
  void Below(const std::string& field, double value, double low, double high) {
    if (value >= low && value < high) return;
    problems_.push_back(absl::StrCat(field, " is ", value, ", must be from ", low, " to below ", high));
  }
  void OneOf(const std::string& field, const std::string& value, const std::vector<std::string>& choices) {
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
    problems_.push_back(
        absl::StrCat(field, " is \"", value, "\", must be one of ", absl::StrJoin(choices, ", ")));
  }
  void Problem(std::string text) { problems_.push_back(std::move(text)); }

  absl::Status Result() const {
    if (problems_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("recipe: ", absl::StrJoin(problems_, "\nrecipe: ")));
  }

 private:
  std::vector<std::string> problems_;
};

void CheckDetector(const v1::DetectorRecipe& detector, RangeCheck& check) {
  check.OneOf("detector.preset", detector.preset(), PresetNames());
  if (detector.has_min_size()) check.Within("detector.min_size", detector.min_size(), 1, 4096);
  if (detector.has_max_size()) check.Within("detector.max_size", detector.max_size(), 1, 8192);
  if (detector.has_min_size() && detector.has_max_size() && detector.max_size() < detector.min_size()) {
    check.Problem("detector.max_size is below detector.min_size");
  }
  check.Within("detector.trainable_layers", detector.trainable_layers(), 0, 6);
  check.Above("detector.init_shrink", detector.init_shrink(), 0, 1);
  check.Within("detector.init_perturb", detector.init_perturb(), 0, 1);
}

void CheckSchedule(const v1::TrainingRecipe& training, RangeCheck& check) {
  if (!v1::TrainingRecipe::Schedule_IsValid(training.schedule())) {
    check.Problem("training.schedule must be STEPS or COSINE");
  }
  check.Within("training.warmup_iterations", training.warmup_iterations(), 0, training.iterations());
  if (training.schedule() == v1::TrainingRecipe::COSINE && !training.decay_at().empty()) {
    check.Problem("training.decay_at belongs to schedule STEPS; leave it out, or choose STEPS");
  }
  double before = 0;
  for (double share : training.decay_at()) {
    if (!(share > before && share < 1)) {
      check.Problem("training.decay_at must be increasing shares between 0 and 1");
      break;
    }
    before = share;
  }
  check.Above("training.decay_factor", training.decay_factor(), 0, 1);
  check.Within("training.final_factor", training.final_factor(), 0, 1);
}

void CheckAugmentation(const v1::TrainingRecipe& training, RangeCheck& check) {
  check.Within("training.flip_horizontal", training.flip_horizontal(), 0, 1);
  check.Within("training.flip_vertical", training.flip_vertical(), 0, 1);
  check.Within("training.scale_min", training.scale_min(), 0.1, 1);
  check.Within("training.scale_max", training.scale_max(), 1, 10);
  check.Within("training.crop_chance", training.crop_chance(), 0, 1);
  check.Above("training.crop_min_side", training.crop_min_side(), 0, 1);
  check.Above("training.min_box_share", training.min_box_share(), 0, 1);
  check.Within("training.colour_jitter", training.colour_jitter(), 0, 0.9);
  check.Within("training.hue_jitter", training.hue_jitter(), 0, 0.5);
}

void CheckTraining(const v1::TrainingRecipe& training, RangeCheck& check) {
  if (!v1::TrainingRecipe::Optimizer_IsValid(training.optimizer())) {
    check.Problem("training.optimizer must be ADAMW or SGD");
  }
  check.Within("training.iterations", training.iterations(), 1, 1'000'000);
  check.Within("training.batch_size", training.batch_size(), 1, 256);
  check.Above("training.learning_rate", training.learning_rate(), 0, 10);
  check.Within("training.backbone_rate_factor", training.backbone_rate_factor(), 0, 1);
  check.Within("training.weight_decay", training.weight_decay(), 0, 1);
  check.Below("training.momentum", training.momentum(), 0, 1);
  CheckSchedule(training, check);
  check.Within("training.clip_norm", training.clip_norm(), 0, 1e6);
  CheckAugmentation(training, check);
  check.Within("training.repeat_threshold", training.repeat_threshold(), 0, 1);
  check.OneOf("training.precision", training.precision(), {kPrecisionNames.begin(), kPrecisionNames.end()});
  check.Within("training.checkpoint_interval", training.checkpoint_interval(), 1, 1'000'000);
  check.Below("training.ema_decay", training.ema_decay(), 0, 1);
  check.Within("training.accumulation_steps", training.accumulation_steps(), 1, 1024);
  check.Within("training.validation_share", training.validation_share(), 0, 0.5);
  check.Within("training.validation_interval", training.validation_interval(), 1, 1'000'000);
}

void CheckRanking(const v1::RankingRecipe& ranking, RangeCheck& check) {
  if (ranking.has_strategy()) {
    check.OneOf("ranking.strategy", ranking.strategy(), {kStrategyNames.begin(), kStrategyNames.end()});
  }
  check.Within("ranking.budget", ranking.budget(), 1, 1'000'000);
  check.Within("ranking.random_share", ranking.random_share(), 0, 1);
  check.Within("ranking.rare_share", ranking.rare_share(), 0, 1);
  if (ranking.random_share() + ranking.rare_share() > 1) {
    check.Problem("ranking.random_share and ranking.rare_share add up to more than 1");
  }
  check.Within("ranking.random_blind_share", ranking.random_blind_share(), 0, 1);
  check.Within("ranking.uncertain_blind_share", ranking.uncertain_blind_share(), 0, 1);
  check.Within("ranking.cost_exponent", ranking.cost_exponent(), 0, 1);
  check.Within("ranking.depth_factor", ranking.depth_factor(), 1, 1000);
  check.OneOf("ranking.box_to_image", ranking.box_to_image(),
              {kBoxToImageNames.begin(), kBoxToImageNames.end()});
}

void FillDetector(v1::DetectorRecipe& detector) {
  if (!detector.has_preset()) detector.set_preset("small");
  if (!detector.has_init_model()) detector.set_init_model("");
  if (!detector.has_trainable_layers()) detector.set_trainable_layers(6);
  if (!detector.has_init_shrink()) detector.set_init_shrink(1);
  if (!detector.has_init_perturb()) detector.set_init_perturb(0);
}

void FillSchedule(v1::TrainingRecipe& training) {
  if (training.schedule() == v1::TrainingRecipe::SCHEDULE_UNSPECIFIED) {
    training.set_schedule(v1::TrainingRecipe::STEPS);
  }
  if (!training.has_warmup_iterations()) {
    training.set_warmup_iterations(std::min(100u, training.iterations() / 4));
  }
  if (training.decay_at().empty() && training.schedule() == v1::TrainingRecipe::STEPS) {
    training.add_decay_at(0.7);
    training.add_decay_at(0.9);
  }
  if (!training.has_decay_factor()) training.set_decay_factor(0.1);
  if (!training.has_final_factor()) training.set_final_factor(0.01);
}

void FillAugmentation(v1::TrainingRecipe& training) {
  if (!training.has_flip_horizontal()) training.set_flip_horizontal(0.5);
  if (!training.has_flip_vertical()) training.set_flip_vertical(0.5);
  if (!training.has_scale_min()) training.set_scale_min(1);
  if (!training.has_scale_max()) training.set_scale_max(1);
  if (!training.has_crop_chance()) training.set_crop_chance(0);
  if (!training.has_crop_min_side()) training.set_crop_min_side(0.5);
  if (!training.has_min_box_share()) training.set_min_box_share(0.7);
  if (!training.has_colour_jitter()) training.set_colour_jitter(0);
  if (!training.has_hue_jitter()) training.set_hue_jitter(0);
}

void FillTraining(v1::TrainingRecipe& training) {
  if (training.optimizer() == v1::TrainingRecipe::OPTIMIZER_UNSPECIFIED) {
    training.set_optimizer(v1::TrainingRecipe::ADAMW);
  }
  const bool adamw = training.optimizer() == v1::TrainingRecipe::ADAMW;
  if (!training.has_iterations()) training.set_iterations(400);
  if (!training.has_batch_size()) training.set_batch_size(8);
  if (!training.has_learning_rate()) training.set_learning_rate(adamw ? 1e-3 : 0.02);
  if (!training.has_backbone_rate_factor()) training.set_backbone_rate_factor(0.1);
  if (!training.has_weight_decay()) training.set_weight_decay(adamw ? 0.02 : 1e-4);
  if (!training.has_momentum()) training.set_momentum(0.9);
  FillSchedule(training);
  if (!training.has_clip_norm()) training.set_clip_norm(10);
  FillAugmentation(training);
  if (!training.has_repeat_threshold()) training.set_repeat_threshold(0.1);
  if (!training.has_checkpoint_interval()) training.set_checkpoint_interval(50);
  if (!training.has_ema_decay()) training.set_ema_decay(0);
  if (!training.has_accumulation_steps()) training.set_accumulation_steps(1);
  if (!training.has_validation_share()) training.set_validation_share(0);
  if (!training.has_validation_interval()) training.set_validation_interval(100);
  if (!training.has_precision()) training.set_precision("float32");
}

void FillRanking(v1::RankingRecipe& ranking) {
  if (!ranking.has_budget()) ranking.set_budget(200);
  if (!ranking.has_random_share()) ranking.set_random_share(0.2);
  if (!ranking.has_rare_share()) ranking.set_rare_share(0.1);
  if (!ranking.has_random_blind_share()) ranking.set_random_blind_share(0.5);
  if (!ranking.has_uncertain_blind_share()) ranking.set_uncertain_blind_share(0.1);
  if (!ranking.has_cost_exponent()) ranking.set_cost_exponent(0.5);
  if (!ranking.has_depth_factor()) ranking.set_depth_factor(4);
  if (!ranking.has_box_to_image()) ranking.set_box_to_image(kSumName);
  // The coordinator fills in the project's strategy when a round is submitted; the rest follows then.
  if (!ranking.has_strategy()) return;
  const bool combined = ranking.strategy() == kCombinedName;
  if (!ranking.has_diversity()) ranking.set_diversity(combined);
  if (!ranking.has_class_weights()) ranking.set_class_weights(combined);
}

}  // namespace

v1::Recipe WithDefaults(v1::Recipe recipe) {
  FillDetector(*recipe.mutable_detector());
  FillTraining(*recipe.mutable_training());
  v1::PredictionRecipe& prediction = *recipe.mutable_prediction();
  if (!prediction.has_mirrored()) prediction.set_mirrored(true);
  if (!prediction.has_boxes_per_image()) prediction.set_boxes_per_image(100);
  if (!prediction.has_shard_size()) prediction.set_shard_size(500);
  if (!prediction.has_precision()) prediction.set_precision("float32");
  FillRanking(*recipe.mutable_ranking());
  if (!recipe.gate().has_tolerance()) recipe.mutable_gate()->set_tolerance(0);
  if (!recipe.gate().has_min_images()) recipe.mutable_gate()->set_min_images(20);
  if (!recipe.has_seed()) recipe.set_seed(1);
  v1::PseudoLabelRecipe& pseudo_labels = *recipe.mutable_pseudo_labels();
  if (!pseudo_labels.has_enabled()) pseudo_labels.set_enabled(false);
  if (!pseudo_labels.has_min_precision()) pseudo_labels.set_min_precision(0.9);
  return recipe;
}

absl::Status Validate(const v1::Recipe& recipe) {
  RangeCheck check;
  CheckDetector(recipe.detector(), check);
  CheckTraining(recipe.training(), check);
  check.Within("prediction.boxes_per_image", recipe.prediction().boxes_per_image(), 1, 1000);
  check.Within("prediction.shard_size", recipe.prediction().shard_size(), 1, 100'000);
  check.OneOf("prediction.precision", recipe.prediction().precision(),
              {kPrecisionNames.begin(), kPrecisionNames.end()});
  CheckRanking(recipe.ranking(), check);
  if (recipe.ranking().strategy() == kConsistencyName && !recipe.prediction().mirrored()) {
    check.Problem("ranking.strategy is consistency, which needs prediction.mirrored");
  }
  check.Within("gate.tolerance", recipe.gate().tolerance(), 0, 1);
  check.Below("pseudo_labels.min_precision", recipe.pseudo_labels().min_precision(), 0.5, 1);
  return check.Result();
}

absl::StatusOr<v1::Recipe> ParseRecipe(std::string_view text) {
  FirstError first;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first);
  v1::Recipe recipe;
  if (!parser.ParseFromString(std::string(text), &recipe)) {
    return absl::InvalidArgumentError(absl::StrCat("recipe: ", first.text));
  }
  recipe = WithDefaults(std::move(recipe));
  if (absl::Status status = Validate(recipe); !status.ok()) return status;
  return recipe;
}

absl::StatusOr<v1::Recipe> ParseStoredRecipe(std::string_view text) {
  FirstError first;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first);
  parser.AllowUnknownField(true);
  v1::Recipe recipe;
  if (!parser.ParseFromString(std::string(text), &recipe)) {
    return absl::InternalError(absl::StrCat("a stored recipe can't be read: ", first.text));
  }
  return WithDefaults(std::move(recipe));
}

std::string RecipeText(const v1::Recipe& recipe) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(recipe, &text);
  return text;
}

}  // namespace loupe
