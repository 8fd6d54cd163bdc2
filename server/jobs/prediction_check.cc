#include "server/jobs/prediction_check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/error_info.h"
#include "server/ranking/half_float.h"

namespace loupe {
namespace {

using Floats = google::protobuf::RepeatedField<float>;

constexpr int kMaxPredictedBoxes = 1000;
constexpr size_t kMaxEmbeddingBytes = 64 << 10;
// By how much a softmax in single precision may be outside [0, 1].
constexpr float kRounding = 1e-4F;
// How far corners may be outside the image, in pixels.
constexpr float kOverhang = 1.0F;

absl::Status Bad(const v1::ImagePrediction& prediction, const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_PREDICTION",
               absl::StrCat("the prediction of image ", prediction.image_id(), " ", what));
}

std::array<std::pair<const char*, Floats*>, 4> ScoreLists(v1::ImagePrediction& prediction) {
  return {{{"score", prediction.mutable_scores()},
           {"runner-up's score", prediction.mutable_runner_up_scores()},
           {"background score", prediction.mutable_background_scores()},
           {"agreement", prediction.mutable_agreements()}}};
}

absl::Status CheckLengths(const v1::ImagePrediction& prediction) {
  const int boxes = prediction.scores_size();
  if (boxes > kMaxPredictedBoxes)
    return Bad(prediction, absl::StrCat("has ", boxes, " boxes, at most 1000 are kept"));
  if (prediction.corners_size() != 4 * boxes || prediction.labels_size() != boxes ||
      prediction.runner_up_labels_size() != boxes || prediction.runner_up_scores_size() != boxes ||
      prediction.background_scores_size() != boxes ||
      (prediction.agreements_size() != 0 && prediction.agreements_size() != boxes) ||
      (prediction.partner_corners_size() != 0 && prediction.partner_corners_size() != 4 * boxes)) {
    return Bad(prediction, "has lists of different lengths");
  }
  const size_t embedding = prediction.embedding().size();
  if (embedding % 2 != 0 || embedding > kMaxEmbeddingBytes) {
    return Bad(prediction, absl::StrCat("has an embedding of ", embedding, " bytes"));
  }
  return absl::OkStatus();
}

std::optional<std::string> NotANumber(v1::ImagePrediction& prediction) {
  for (const auto& [name, list] : ScoreLists(prediction)) {
    for (int i = 0; i < list->size(); ++i) {
      if (!std::isfinite(list->Get(i))) return absl::StrCat("the ", name, " of box ", i, " is no number");
    }
  }
  for (const float corner : prediction.partner_corners()) {
    if (!std::isfinite(corner)) return "a corner of a mirrored box is no number";
  }
  if (!std::isfinite(prediction.max_foreground_score())) return "the largest foreground score is no number";
  for (size_t i = 0; i < prediction.embedding().size() / 2; ++i) {
    if (!ranking::IsFinite(ranking::HalfAt(prediction.embedding(), i)))
      return absl::StrCat("number ", i, " of the embedding is no number");
  }
  return std::nullopt;
}

absl::Status CheckScores(v1::ImagePrediction& prediction) {
  for (const auto& [name, list] : ScoreLists(prediction)) {
    for (float& score : *list) {
      if (score < -kRounding || score > 1 + kRounding) {
        return Bad(prediction, absl::StrCat("has a ", name, " of ", score, ", outside 0 to 1"));
      }
      score = std::clamp(score, 0.0F, 1.0F);
    }
  }
  if (!std::is_sorted(prediction.scores().rbegin(), prediction.scores().rend())) {
    return Bad(prediction, "is not sorted by falling score");
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(uint32_t class_count, const v1::ImagePrediction& prediction) {
  for (int i = 0; i < prediction.scores_size(); ++i) {
    if (prediction.labels(i) < 1 || prediction.labels(i) > class_count ||
        prediction.runner_up_labels(i) > class_count) {
      return Bad(prediction, absl::StrCat("has an unknown class at box ", i));
    }
  }
  return absl::OkStatus();
}

// Clips. Empty: the boxes are inside the image.
std::string FaultOfBoxes(const ImageBounds& bounds, v1::ImagePrediction& prediction) {
  for (int i = 0; i < prediction.scores_size(); ++i) {
    for (int c = 0; c < 4; ++c) {
      const auto limit = static_cast<float>(c % 2 == 0 ? bounds.width : bounds.height);
      const float corner = prediction.corners(4 * i + c);
      if (!(corner >= -kOverhang && corner <= limit + kOverhang)) {  // NaN fails every comparison
        return absl::StrFormat("a predicted box has a corner at %.9g, outside the image of %u x %u pixels",
                               corner, bounds.width, bounds.height);
      }
      prediction.set_corners(4 * i + c, std::clamp(corner, 0.0F, limit));
    }
    const float* corners = prediction.corners().data() + 4 * i;
    if (!(corners[0] < corners[2] && corners[1] < corners[3])) {
      return absl::StrCat("predicted box ", i, " has no area inside the image");
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<PredictionFault> CheckPrediction(const ImageBounds& bounds, uint32_t class_count,
                                                v1::ImagePrediction& prediction) {
  if (const absl::Status status = CheckLengths(prediction); !status.ok()) return status;
  if (std::optional<std::string> reason = NotANumber(prediction)) {
    return PredictionFault{*std::move(reason), false};
  }
  if (const absl::Status status = CheckScores(prediction); !status.ok()) return status;
  if (prediction.max_foreground_score() < -kRounding || prediction.max_foreground_score() > 1 + kRounding) {
    return Bad(prediction, "has a largest foreground score outside 0 to 1");
  }
  // NaN fails every comparison.
  if (!(prediction.brightness() >= -kRounding && prediction.brightness() <= 1 + kRounding)) {
    return Bad(prediction, "has a brightness outside 0 to 1");
  }
  if (const absl::Status status = CheckLabels(class_count, prediction); !status.ok()) return status;
  std::string fault = FaultOfBoxes(bounds, prediction);
  const bool of_image = !fault.empty();
  return PredictionFault{std::move(fault), of_image};
}

}  // namespace loupe
