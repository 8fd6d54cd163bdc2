#include "server/insight/representation.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "db/search/image_counts.h"
#include "db/stores/image_store.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "proto/class_index.h"
#include "server/insight/slice_choice.h"
#include "server/ranking/calibration.h"
#include "server/ranking/half_float.h"
#include "server/ranking/near_duplicates.h"
#include "server/ranking/representativeness.h"
#include "server/rounds/round_calibration.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {
namespace {

constexpr int kSampledImages = 5000;     // unlabelled images whose boxes stand for all
constexpr int kComparedImages = 2000;    // most images of each side of a comparison
constexpr size_t kLeastImages = 20;      // fewest images of each side; fewer say nothing
constexpr uint64_t kComparisonSeed = 1;  // the same labels give the same numbers
constexpr double kSurprising = 0.01;     // a comparison with a p below it is a finding
constexpr size_t kExamples = 20;
constexpr double kUpper = 0.975;  // quantile at the upper end of an interval of 95 %
constexpr char kLabelled[] = "labelled";
constexpr char kRandomSlice[] = "random slice";

// Appends `halves` as floats. A number that is not finite becomes NaN.
void AddNumbers(const std::string& halves, std::vector<float>& numbers) {
  for (size_t i = 0; i < halves.size() / 2; ++i) {
    const uint16_t half = ranking::HalfAt(halves, i);
    numbers.push_back(ranking::IsFinite(half) ? ranking::FromHalf(half) : std::nanf(""));
  }
}

absl::Status CheckClassShares(const RepresentationInput& input, v1::LabelCheck& check) {
  // Shares are those among the classes that everybody looked for.
  std::vector<int64_t> labelled;
  std::vector<double> expected;
  std::vector<double> expected_low;
  for (size_t c = 0; c < input.classes.size(); ++c) {
    const bool counts = !input.classes[c].retired() && !input.to_look_at.contains(LabelOf(c));
    labelled.push_back(counts ? input.labelled_boxes[c] : 0);
    const bool known = counts && input.expected[c].has_value();
    expected.push_back(known ? input.expected[c]->count : 0);
    expected_low.push_back(known ? input.expected[c]->low : 0);
  }
  const auto coverages = ranking::CoverageOfClasses(labelled, expected, expected_low);
  if (!coverages.ok()) return coverages.status();
  for (size_t c = 0; c < coverages->size(); ++c) {
    if (input.classes[c].retired()) continue;
    const ranking::ClassCoverage& coverage = (*coverages)[c];
    const std::string& name = input.classes[c].name();
    v1::ClassCoverage& message = *check.add_classes();
    message.set_label(LabelOf(c));
    message.set_boxes(static_cast<uint64_t>(input.labelled_boxes[c]));
    if (const auto to_look_at = input.to_look_at.find(LabelOf(c)); to_look_at != input.to_look_at.end()) {
      message.set_images_to_look_at(to_look_at->second);
      check.add_findings(absl::StrFormat("%s was added: %d labelled images are still to be looked at for it.",
                                         name, to_look_at->second));
      continue;
    }
    if (input.expected[c].has_value()) {
      message.set_expected_boxes(input.expected[c]->count);
      message.set_expected_low(input.expected[c]->low);
      message.set_expected_high(input.expected[c]->high);
    }
    message.set_missing(coverage.missing);
    message.set_thin(coverage.thin);
    message.set_underrepresented(coverage.underrepresented);
    if (coverage.missing) {
      check.add_findings(absl::StrFormat("%s has no box yet: no model can know it.", name));
    } else if (coverage.thin) {
      check.add_findings(absl::StrFormat("%s has %d boxes; below %d, figures about it have no interval.",
                                         name, input.labelled_boxes[c], ranking::kThinBoxes));
    }
    if (coverage.underrepresented) {
      check.add_findings(absl::StrFormat(
          "%s makes up %.1f %% of the labelled boxes and %.1f %% of those expected in the rest of the pool.",
          name, 100 * coverage.labelled_share, 100 * coverage.expected_share));
    }
  }
  return absl::OkStatus();
}

void AddComparison(const char* of, const std::string& what, size_t images, size_t others, double statistic,
                   double p_value, v1::LabelCheck& check) {
  v1::Comparison& comparison = *check.add_comparisons();
  comparison.set_of(of);
  comparison.set_what(what);
  comparison.set_images(images);
  comparison.set_others(others);
  comparison.set_statistic(statistic);
  comparison.set_p_value(p_value);
  if (what == kRandomSlice && p_value < kSurprising) {
    check.add_findings(
        absl::StrFormat("The answered images of the random slice differ from what they were drawn from by %s "
                        "(p = %.3f): estimates made from them can't be trusted.",
                        of, p_value));
  }
}

absl::Status CompareNumbers(const char* of, const std::string& what, const std::vector<double>& images,
                            const std::vector<double>& others, v1::LabelCheck& check) {
  if (std::min(images.size(), others.size()) < kLeastImages) return absl::OkStatus();
  const auto result = ranking::KolmogorovSmirnov(images, others);
  if (!result.ok()) return result.status();
  AddComparison(of, what, images.size(), others.size(), result->distance, result->p_value, check);
  return absl::OkStatus();
}

// One side of a comparison.
struct Side {
  std::vector<float> embeddings;     // one row per image that has an embedding
  std::vector<double> lengths;       // one per image: square root of its area in pixels
  std::vector<double> brightnesses;  // one per image that a worker decoded
};

// bytes: length of an embedding. An image with another length is broken, or has none; it is left out.
Side SideOf(const std::vector<ImageTraits>& images, size_t bytes) {
  Side side;
  for (const ImageTraits& image : images) {
    side.lengths.push_back(std::sqrt(static_cast<double>(image.width) * image.height));
    if (image.brightness.has_value()) side.brightnesses.push_back(*image.brightness);
    if (bytes > 0 && image.embedding.size() == bytes) AddNumbers(image.embedding, side.embeddings);
  }
  return side;
}

// Length of the model's embeddings in bytes. All are equal; an image without one has 0, so take the maximum.
size_t EmbeddingBytes(const std::vector<ImageTraits>& images) {
  size_t bytes = 0;
  for (const ImageTraits& image : images) bytes = std::max(bytes, image.embedding.size());
  return bytes;
}

absl::Status Compare(const std::string& what, const std::vector<ImageTraits>& images,
                     const std::vector<ImageTraits>& others, v1::LabelCheck& check) {
  const size_t bytes = EmbeddingBytes(images);
  const size_t width = bytes / sizeof(uint16_t);
  const Side a = SideOf(images, bytes);
  const Side b = SideOf(others, bytes);
  if (width > 0 && std::min(a.embeddings.size(), b.embeddings.size()) >= kLeastImages * width) {
    const auto result =
        ranking::MmdTest({a.embeddings, width}, {b.embeddings, width}, {.seed = kComparisonSeed});
    if (!result.ok()) return result.status();
    AddComparison("embeddings", what, result->x_rows, result->y_rows, result->mmd2, result->p_value, check);
  }
  if (auto status = CompareNumbers("image size", what, a.lengths, b.lengths, check); !status.ok())
    return status;
  return CompareNumbers("brightness", what, a.brightnesses, b.brightnesses, check);
}

std::vector<uint64_t> HashesOf(const std::vector<PictureHash>& images) {
  std::vector<uint64_t> hashes;
  for (const PictureHash& image : images) hashes.push_back(image.hash);
  return hashes;
}

void ReportSetAside(const RepresentationInput& input, v1::LabelCheck& check) {
  if (input.set_aside.images == 0) return;
  check.add_findings(absl::StrFormat(
      "Only the random slice can serve %d unlabelled images, since their predictions by model %d can't be "
      "used: of %s, %s.",
      input.set_aside.images, input.model, input.set_aside.file_name, input.set_aside.reason));
}

void ReportUnusable(const RepresentationInput& input, v1::LabelCheck& check) {
  std::vector<std::string> named;
  for (const v1::Image& image : input.unusable) {
    if (image.state() == v1::SET_ASIDE) {
      named.push_back(absl::StrCat(image.file_name(), " (", image.state_reason(), ")"));
    }
  }
  if (named.empty()) return;
  check.add_findings(absl::StrCat(
      "These images are set aside, since their pictures can't be used: ", absl::StrJoin(named, "; "),
      input.unusable.size() == kUnusableListed ? "; and perhaps others." : "."));
}

absl::Status FindDuplicates(const RepresentationInput& input, v1::LabelCheck& check) {
  const auto found =
      ranking::NearDuplicatePairs(HashesOf(input.holdout), HashesOf(input.pool), {.max_pairs = kExamples});
  if (!found.ok()) return found.status();
  v1::DuplicateImages& duplicates = *check.mutable_holdout_duplicates();
  duplicates.set_pairs(found->pair_count);
  duplicates.set_holdout_images(found->a_count);
  duplicates.set_compared_holdout_images(input.holdout.size());
  duplicates.set_compared_pool_images(input.pool.size());
  for (const ranking::HashPair& pair : found->pairs) {
    v1::DuplicatePair& example = *duplicates.add_examples();
    example.set_holdout_image(input.holdout[pair.a].file_name);
    example.set_pool_image(input.pool[pair.b].file_name);
    example.set_bits(static_cast<uint32_t>(pair.bits));
  }
  if (found->a_count > 0) {
    check.add_findings(
        absl::StrFormat("%d of %d holdout images nearly repeat one of the pool: models are judged too well "
                        "on them. Import pictures of one part with --group-by.",
                        found->a_count, input.holdout.size()));
  }
  return absl::OkStatus();
}

// [classes] sums of calibrated scores. maps: one per class that the model knows.
std::vector<double> CountsOf(const v1::ImagePrediction& prediction,
                             std::span<const ranking::CalibrationMap> maps, size_t classes) {
  std::vector<double> counts(classes);
  for (int b = 0; b < prediction.scores_size(); ++b) {
    const size_t class_index = ClassIndexOf(prediction.labels(b));
    if (class_index >= std::min(classes, maps.size())) continue;
    counts[class_index] += ranking::Calibrated(maps[class_index], prediction.scores(b));
  }
  return counts;
}

// Of the numbers that were added.
class Moments {
 public:
  void Add(double value) {
    ++count_;
    const double off = value - mean_;
    mean_ += off / static_cast<double>(count_);
    squares_ += off * (value - mean_);
  }
  size_t count() const { return count_; }
  double mean() const { return mean_; }
  double variance() const { return count_ < 2 ? 0 : squares_ / static_cast<double>(count_ - 1); }

 private:
  size_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

// [classes] how many more boxes people drew in an image of the holdout than the model counts, over the images
// in which the class was looked for.
std::vector<Moments> Shortfalls(std::span<const JudgedImage> holdout, const PredictionsById& predictions,
                                std::span<const ranking::CalibrationMap> maps, size_t classes) {
  std::vector<Moments> shortfalls(classes);
  for (const JudgedImage& image : holdout) {
    std::vector<double> missing = CountsOf(predictions.at(image.image_id), maps, classes);
    for (double& count : missing) count = -count;
    for (const v1::LabelBox& box : image.truth) {
      if (!box.ignore()) missing[ClassIndexOf(box.label())] += 1;
    }
    for (size_t c = 0; c < std::min<size_t>(classes, image.known_classes); ++c) shortfalls[c].Add(missing[c]);
  }
  return shortfalls;
}

// What the model counts in the sample, corrected by what it misses in the holdout, scaled up to all
// unlabelled images. Source: Angelopoulos et al., "Prediction-powered inference" (2023), algorithm 1, for a
// sum.
std::vector<std::optional<ExpectedBoxes>> ExpectBoxes(const PoolSample& sample,
                                                      std::span<const Moments> shortfalls,
                                                      std::span<const ranking::CalibrationMap> maps) {
  std::vector<std::optional<ExpectedBoxes>> expected(shortfalls.size());
  std::vector<Moments> counted(shortfalls.size());
  for (const v1::ImagePrediction& prediction : sample.predictions) {
    const std::vector<double> counts = CountsOf(prediction, maps, shortfalls.size());
    for (size_t c = 0; c < counts.size(); ++c) counted[c].Add(counts[c]);
  }
  const auto images = static_cast<double>(sample.predictions.size());
  const auto all = static_cast<double>(sample.unlabelled);
  for (size_t c = 0; c < shortfalls.size() && images > 0; ++c) {
    const auto judged = static_cast<double>(shortfalls[c].count());
    if (shortfalls[c].count() < kLeastImages) continue;
    const double drawing = all * all / images * counted[c].variance() * (1 - images / std::max(images, all));
    const double correction = (all * all / judged + all) * shortfalls[c].variance();
    const double margin =
        std::sqrt(drawing + correction) * boost::math::quantile(boost::math::students_t(judged - 1), kUpper);
    const double count = all * (counted[c].mean() + shortfalls[c].mean());
    expected[c] = {std::max(0.0, count), std::max(0.0, count - margin), std::max(0.0, count + margin)};
  }
  return expected;
}

}  // namespace

absl::StatusOr<RepresentationInput> ReadRepresentationInput(Transaction& transaction,
                                                            const std::string& project_name) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  RepresentationInput input;
  input.classes = ReadClasses(transaction, *project);
  const ImageCounts counts(transaction, *project);
  input.to_look_at = counts.PoolToLookAt();
  input.labelled_boxes = counts.PoolBoxes(input.classes.size());
  input.expected.resize(input.classes.size());
  ModelId model_id;
  if (const std::optional<ModelRow> model = FindModel(transaction, *project, "")) {
    model_id = model->id;
    input.model = model->message.number();
    const auto maps = CalibrationMapsOf(model->message.evaluation().calibration());
    const bool calibrated = std::any_of(maps.begin(), maps.end(), [](const auto& map) {
      return map.kind != ranking::CalibrationMap::Kind::kIdentity;
    });
    if (calibrated) {
      const PredictionsById predictions = ReadHoldoutDetections(transaction, *project, model_id);
      const std::vector<JudgedImage> holdout = ReadJudgedImages(transaction, *project, predictions);
      const PoolSample sample = ReadPoolSample(transaction, *project, model_id, kSampledImages);
      input.expected =
          ExpectBoxes(sample, Shortfalls(holdout, predictions, maps, input.classes.size()), maps);
    }
    input.set_aside = ReadSetAside(transaction, *project, model_id);
  }
  input.labelled = ReadPoolTraits(transaction, *project, model_id, true, kComparedImages);
  input.rest = ReadPoolTraits(transaction, *project, model_id, false, kComparedImages);
  if (const RandomDraw draw = DrawOfActive(transaction, *project); draw.size > 0) {
    input.random_slice = ReadRandomSliceTraits(transaction, draw, kComparedImages);
    input.random_rest = ReadRandomRestTraits(transaction, draw, kComparedImages);
  }
  input.unusable = ListImages(transaction, *project, {.unusable = true}, ImageId(), kUnusableListed);
  input.holdout = ReadPictureHashes(transaction, *project, v1::HOLDOUT);
  input.pool = ReadPictureHashes(transaction, *project, v1::POOL);
  return input;
}

absl::StatusOr<v1::LabelCheck> CheckRepresentation(const RepresentationInput& input) {
  v1::LabelCheck check;
  check.set_model(input.model);
  absl::Status status = CheckClassShares(input, check);
  if (status.ok()) status = Compare(kLabelled, input.labelled, input.rest, check);
  if (status.ok()) status = Compare(kRandomSlice, input.random_slice, input.random_rest, check);
  if (status.ok()) status = FindDuplicates(input, check);
  ReportSetAside(input, check);
  ReportUnusable(input, check);
  if (!status.ok()) return absl::InternalError(status.message());
  return check;
}

}  // namespace loupe
