#include "server/jobs/trained_model.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/project_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/detector_metadata.h"
#include "recipe/detector_recipe.h"
#include "recipe/detector_tensors.h"
#include "recipe/recipe.h"
#include "server/blobs/weights_check.h"

namespace loupe {
namespace {

// Nothing, or one number from 0 to 1 per class.
absl::Status CheckClassQuality(const v1::CompleteJobRequest& request, size_t class_count) {
  const auto& quality = request.class_quality();
  const bool known = quality.empty() || static_cast<size_t>(quality.size()) == class_count;
  // NaN fails every comparison.
  if (known && std::all_of(quality.begin(), quality.end(), [](double q) { return q >= 0 && q <= 1; })) {
    return absl::OkStatus();
  }
  return InvalidArgument(absl::StrCat("class_quality must hold a number from 0 to 1 for each of the ",
                                      class_count, " classes, or nothing"));
}

// The last heartbeat came before the last iteration.
void SetFinalProgress(Transaction& transaction, const JobRow& job, const v1::Recipe& recipe,
                      const v1::CompleteJobRequest& request) {
  v1::JobProgress progress = ReadProgress(transaction, job.round, v1::TRAIN);
  progress.set_done(StepsOf(recipe.training()));
  progress.set_total(StepsOf(recipe.training()));
  progress.set_loss(request.final_loss());
  if (request.has_final_ap50()) progress.set_ap50(request.final_ap50());
  SetJobProgress(transaction, job.id, progress);
}

}  // namespace

std::optional<ModelRow> FindInitModel(Transaction& transaction, const JobRow& job, const v1::Recipe& recipe) {
  const std::string& name = recipe.detector().init_model();
  if (job.kind != v1::TRAIN && job.kind != v1::FIND_LABEL_ERRORS) return std::nullopt;
  if (name.empty()) return std::nullopt;
  std::optional<ModelRow> model = FindModel(transaction, job.project, name);
  // A model that a round trained has learned the labels that are to be searched.
  while (job.kind == v1::FIND_LABEL_ERRORS && model.has_value() && model->round) {
    const uint32_t parent = model->message.parent();
    model = parent == 0 ? std::nullopt : FindModel(transaction, job.project, absl::StrCat(parent));
  }
  return model;
}

absl::Status CheckTrainedWeights(const BlobStore& blobs, const v1::CompleteJobRequest& request,
                                 const v1::DetectorRecipe& recipe, size_t class_count) {
  const std::optional<Sha256> hash = FromBytes(request.weights_sha256());
  if (!hash.has_value()) return BadWeights("weights_sha256 must be 32 bytes");
  absl::StatusOr<BlobReader> reader = blobs.OpenBlob(*hash);
  if (!reader.ok()) return BadWeights("the weights were not written as a blob before");
  if (reader->size_bytes() != request.weights_bytes()) {
    return BadWeights(
        absl::StrCat("the weights have ", reader->size_bytes(), " bytes, not ", request.weights_bytes()));
  }
  WeightsCheck format;
  Sha256Stream stream;
  constexpr size_t kPieceBytes = 1 << 20;
  for (;;) {
    const absl::StatusOr<std::string> bytes = reader->Next(kPieceBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) break;
    stream.Update(*bytes);
    format.Append(*bytes);
  }
  if (stream.Finish() != *hash) return BadWeights("the weights' bytes were changed: write them again");
  const absl::StatusOr<WeightsCheck::Contents> contents = format.Finish();
  if (!contents.ok()) return BadWeights(contents.status().message());
  const absl::StatusOr<v1::Detector> detector = DetectorOfWeights(recipe.preset(), contents->metadata);
  if (!detector.ok()) return BadWeights(detector.status().message());
  const absl::StatusOr<v1::Detector> asked = DetectorOfRecipe(recipe, contents->metadata);
  const bool overridden = asked.ok() && DetectorText(*asked) == DetectorText(*detector);
  if (recipe.has_overrides() && !overridden) {
    return BadWeights(
        "the weights' detector isn't what the recipe's detector.overrides ask for: the worker may be of an "
        "older "
        "release");
  }
  const absl::Status fits =
      CheckWholeDetector(*detector, static_cast<int64_t>(class_count), contents->tensors);
  return fits.ok() ? fits : BadWeights(fits.message());
}

absl::Status InsertTrainedModel(Transaction& transaction, const JobRow& job,
                                const v1::CompleteJobRequest& request) {
  const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(job.recipe);
  if (!recipe.ok()) return recipe.status();
  const size_t class_count = ReadClassesOfJob(transaction, job).size();
  if (absl::Status valid = CheckClassQuality(request, class_count); !valid.ok()) return valid;
  const std::optional<ModelRow> parent = FindInitModel(transaction, job, *recipe);
  const ModelId model =
      InsertModel(transaction, job.project,
                  {.name = absl::StrCat("round-", job.message.round()),
                   .preset = recipe->detector().preset(),
                   .parent = parent.has_value() ? parent->id : ModelId(),
                   .round = job.round,
                   .weights = *FromBytes(request.weights_sha256()),
                   .weights_bytes = request.weights_bytes(),
                   .class_quality = {request.class_quality().begin(), request.class_quality().end()},
                   .class_count = static_cast<uint32_t>(class_count)});
  SetRoundModel(transaction, job.round, model);
  SetFinalProgress(transaction, job, *recipe, request);
  return absl::OkStatus();
}

}  // namespace loupe
