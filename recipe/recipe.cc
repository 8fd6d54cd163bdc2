#include "recipe/recipe.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/detector_recipe.h"
#include "recipe/precisions.h"
#include "recipe/presets.h"
#include "recipe/recipe_fields.h"
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

// What the rules of single fields don't say.
using Problems = std::vector<std::string>;

void CheckSizes(const v1::DetectorRecipe& detector, Problems& problems) {
  if (detector.has_min_size() && detector.has_max_size() && detector.max_size() < detector.min_size()) {
    problems.emplace_back("detector.max_size is below detector.min_size");
  }
}

// Where init_model has the rest of the detector, the coordinator looks.
void CheckDetector(const v1::DetectorRecipe& recipe, Problems& problems) {
  absl::Status sound = CheckOverrides(recipe.overrides());
  if (sound.ok() && recipe.init_model().empty() && PresetDetector(recipe.preset()).ok())
    sound = DetectorOfRecipe(recipe, {}).status();
  if (!sound.ok()) problems.push_back(absl::StrCat("detector.overrides: ", sound.message()));
}

void CheckSchedule(const v1::TrainingRecipe& training, Problems& problems) {
  if (!v1::TrainingRecipe::Optimizer_IsValid(training.optimizer())) {
    problems.emplace_back("training.optimizer must be ADAMW or SGD");
  }
  if (!v1::TrainingRecipe::Schedule_IsValid(training.schedule())) {
    problems.emplace_back("training.schedule must be STEPS or COSINE");
  }
  if (training.warmup_iterations() > training.iterations()) {
    problems.push_back(absl::StrCat("training.warmup_iterations is ", training.warmup_iterations(),
                                    ", must be at most training.iterations, ", training.iterations()));
  }
  if (training.schedule() == v1::TrainingRecipe::COSINE && !training.decay_at().empty()) {
    problems.emplace_back("training.decay_at belongs to schedule STEPS; leave it out, or choose STEPS");
  }
  const auto& decay_at = training.decay_at();
  if (std::adjacent_find(decay_at.begin(), decay_at.end(), std::greater_equal<>()) != decay_at.end()) {
    problems.emplace_back("training.decay_at must be increasing");
  }
}

void CheckLabelErrors(const v1::Recipe& recipe, Problems& problems) {
  const uint32_t folds = recipe.label_errors().folds();
  if (folds == 1) problems.push_back("label_errors.folds must be 0 or from 2 to 10, not 1");
  if (folds > 0 && recipe.training().skip()) {
    problems.push_back("label_errors.folds needs training: drop training.skip");
  }
}

void CheckRanking(const v1::Recipe& recipe, Problems& problems) {
  if (recipe.ranking().random_share() + recipe.ranking().rare_share() > 1) {
    problems.emplace_back("ranking.random_share and ranking.rare_share add up to more than 1");
  }
  if (recipe.ranking().strategy() == kConsistencyName && !recipe.prediction().mirrored()) {
    problems.emplace_back("ranking.strategy is consistency, which needs prediction.mirrored");
  }
}

void FillDetector(v1::DetectorRecipe& detector) {
  if (!detector.has_init_model()) detector.set_init_model("");
  // With an init_model it is that model's.
  if (!detector.has_preset() && detector.init_model().empty()) detector.set_preset("small");
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
  if (!training.has_skip()) training.set_skip(false);
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
  v1::LabelErrorRecipe& label_errors = *recipe.mutable_label_errors();
  if (!label_errors.has_folds()) label_errors.set_folds(0);
  if (!label_errors.has_reviews()) label_errors.set_reviews(50);
  return recipe;
}

uint32_t StepsOf(const v1::TrainingRecipe& training) { return training.skip() ? 0 : training.iterations(); }

absl::Status Validate(const v1::Recipe& recipe) {
  Problems problems = BrokenRules(recipe);
  CheckSizes(recipe.detector(), problems);
  CheckDetector(recipe.detector(), problems);
  CheckSchedule(recipe.training(), problems);
  CheckRanking(recipe, problems);
  CheckLabelErrors(recipe, problems);
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("recipe: ", absl::StrJoin(problems, "\nrecipe: ")));
}

absl::StatusOr<v1::Recipe> ReadRecipe(std::string_view text) {
  FirstError first;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first);
  v1::Recipe recipe;
  if (parser.ParseFromString(std::string(text), &recipe)) return recipe;
  return absl::InvalidArgumentError(absl::StrCat("recipe: ", first.text));
}

absl::StatusOr<v1::Recipe> ParseRecipe(std::string_view text) {
  absl::StatusOr<v1::Recipe> given = ReadRecipe(text);
  if (!given.ok()) return given;
  v1::Recipe recipe = WithDefaults(*std::move(given));
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
