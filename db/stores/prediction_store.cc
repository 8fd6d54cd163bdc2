#include "db/stores/prediction_store.h"

#include <optional>
#include <set>
#include <utility>

#include <google/protobuf/repeated_field.h>

#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

constexpr char kPool[] = "pool";
constexpr char kHoldout[] = "holdout";

v1::Side SideOf(const JobRow& job) { return job.kind == v1::EVALUATE ? v1::HOLDOUT : v1::POOL; }

template <typename T>
SqlText ArrayOf(const google::protobuf::RepeatedField<T>& values) {
  return ToSqlArray(std::vector<T>(values.begin(), values.end()));
}

template <typename T>
void Fill(const pqxx::field& field, google::protobuf::RepeatedField<T>& values) {
  if constexpr (std::is_floating_point_v<T>) {
    const std::vector<float> numbers = FloatsOf(field);
    values.Add(numbers.begin(), numbers.end());
  } else {
    for (const int64_t number : IntegersOf(field)) values.Add(static_cast<T>(number));
  }
}

// Keeps the numbers whose boxes are kept: `width` numbers a box. kept: one per box.
template <typename T>
void Keep(const std::vector<bool>& kept, int width, google::protobuf::RepeatedField<T>& numbers) {
  if (numbers.size() != static_cast<int>(kept.size()) * width) return;  // the statement didn't read them
  int end = 0;
  for (int i = 0; i < numbers.size(); ++i) {
    if (kept[static_cast<size_t>(i / width)]) numbers.Set(end++, numbers.Get(i));
  }
  numbers.Truncate(end);
}

// Leaves boxes of some classes out of what is read.
class BoxFilter {
 public:
  explicit BoxFilter(std::set<uint32_t> left_out) : left_out_(std::move(left_out)) {}

  // Of the classes that the project has retired.
  BoxFilter(Transaction& transaction, ProjectId project) {
    for (const auto& row : transaction.Exec("SelectRetiredLabels", project)) {
      left_out_.insert(row[0].as<uint32_t>());
    }
  }

  v1::ImagePrediction Of(v1::ImagePrediction prediction) const {
    if (left_out_.empty()) return prediction;
    std::vector<bool> kept;
    for (const uint32_t label : prediction.labels()) kept.push_back(!left_out_.contains(label));
    Keep(kept, 4, *prediction.mutable_corners());
    Keep(kept, 1, *prediction.mutable_labels());
    Keep(kept, 1, *prediction.mutable_scores());
    Keep(kept, 1, *prediction.mutable_runner_up_scores());
    Keep(kept, 1, *prediction.mutable_background_scores());
    Keep(kept, 1, *prediction.mutable_agreements());
    return prediction;
  }

 private:
  std::set<uint32_t> left_out_;
};

// row: the image id first; corners, labels and scores from `column` on.
v1::ImagePrediction DetectionsOf(const pqxx::row& row, int column) {
  v1::ImagePrediction prediction;
  prediction.set_image_id(row[0].as<int64_t>());
  Fill(row[column], *prediction.mutable_corners());
  Fill(row[column + 1], *prediction.mutable_labels());
  Fill(row[column + 2], *prediction.mutable_scores());
  return prediction;
}

std::unordered_map<int64_t, v1::ImagePrediction> DetectionsById(const pqxx::result& rows,
                                                                const BoxFilter& used) {
  std::unordered_map<int64_t, v1::ImagePrediction> predictions;
  for (const auto& row : rows) predictions.emplace(row[0].as<int64_t>(), used.Of(DetectionsOf(row, 1)));
  return predictions;
}

// SQL stores the same 64 bits as a signed number.
std::optional<int64_t> HashOf(const v1::ImagePrediction& prediction) {
  if (!prediction.has_perceptual_hash()) return std::nullopt;
  return static_cast<int64_t>(prediction.perceptual_hash());
}

std::optional<float> BrightnessOf(const v1::ImagePrediction& prediction) {
  if (!prediction.has_brightness()) return std::nullopt;
  return prediction.brightness();
}

std::vector<Appearance> AppearancesOf(const pqxx::result& rows) {
  std::vector<Appearance> appearances;
  for (const auto& row : rows) {
    Appearance& appearance = appearances.emplace_back();
    appearance.image = ImageId(row[0].as<int64_t>());
    appearance.embedding = BytesOf(row[1]);
    if (!row[2].is_null()) appearance.perceptual_hash = static_cast<uint64_t>(row[2].as<int64_t>());
  }
  return appearances;
}

}  // namespace

std::unordered_map<int64_t, ImageBounds> ReadBounds(Transaction& transaction, const JobRow& job,
                                                    const std::vector<int64_t>& images) {
  std::unordered_map<int64_t, ImageBounds> bounds;
  const char* side = SideOf(job) == v1::HOLDOUT ? kHoldout : kPool;
  for (const auto& row :
       transaction.Exec("SelectImageBounds", images, job.project, side, job.first_image, job.last_image)) {
    bounds[row[0].as<int64_t>()] = {row[1].as<uint32_t>(), row[2].as<uint32_t>(), row[3].as<bool>()};
  }
  return bounds;
}

bool InsertPrediction(Transaction& transaction, ModelId model, const v1::ImagePrediction& prediction,
                      const std::string& set_aside) {
  v1::ImagePrediction kept;
  if (set_aside.empty()) kept = prediction;
  return transaction
             .Exec("InsertPrediction", model, prediction.image_id(), ArrayOf(kept.corners()),
                   ArrayOf(kept.labels()), ArrayOf(kept.scores()), ArrayOf(kept.runner_up_labels()),
                   ArrayOf(kept.runner_up_scores()), ArrayOf(kept.background_scores()),
                   ArrayOf(kept.agreements()), SqlBytes{kept.embedding()}, kept.max_foreground_score(),
                   set_aside, HashOf(prediction), BrightnessOf(prediction), ArrayOf(kept.partner_corners()))
             .affected_rows() > 0;
}

std::vector<v1::JobImage> ReadJobImages(Transaction& transaction, const JobRow& job, ImageId after,
                                        int limit) {
  const char* statement = job.kind == v1::EVALUATE ? "SelectImagesToEvaluate" : "SelectImagesToPredict";
  std::vector<v1::JobImage> images;
  for (const auto& row :
       transaction.Exec(statement, job.project, job.first_image, job.last_image, job.model, after, limit)) {
    v1::JobImage& image = images.emplace_back();
    *image.mutable_image() = ImageOf(row, SideOf(job));
    image.set_labelled(row["labelled"].as<bool>());
  }
  return images;
}

uint64_t CountImagesLeft(Transaction& transaction, const JobRow& job) {
  const char* statement = job.kind == v1::EVALUATE ? "CountHoldoutLeft" : "CountPoolLeft";
  return transaction.Exec(statement, job.project, job.first_image, job.last_image, job.model)
      .at(0)[0]
      .as<uint64_t>();
}

std::unordered_map<int64_t, v1::ImagePrediction> ReadHoldoutDetections(Transaction& transaction,
                                                                       ProjectId project, ModelId model) {
  const BoxFilter used(transaction, project);
  return DetectionsById(transaction.Exec("SelectHoldoutDetections", project, model), used);
}

std::unordered_map<int64_t, v1::ImagePrediction> ReadDetections(Transaction& transaction, ModelId model,
                                                                const std::vector<ImageId>& images,
                                                                const std::set<uint32_t>& left_out) {
  return DetectionsById(transaction.Exec("SelectDetections", model, images), BoxFilter(left_out));
}

std::vector<v1::ImagePrediction> ReadPoolScores(Transaction& transaction, ProjectId project, ModelId model,
                                                ImageId after, int limit) {
  const BoxFilter used(transaction, project);
  std::vector<v1::ImagePrediction> predictions;
  for (const auto& row : transaction.Exec("SelectPoolScores", project, model, after, limit)) {
    v1::ImagePrediction prediction;
    prediction.set_image_id(row[0].as<int64_t>());
    Fill(row[1], *prediction.mutable_labels());
    Fill(row[2], *prediction.mutable_scores());
    Fill(row[3], *prediction.mutable_runner_up_scores());
    Fill(row[4], *prediction.mutable_background_scores());
    prediction.set_max_foreground_score(row[5].as<float>());
    Fill(row[6], *prediction.mutable_agreements());
    predictions.push_back(used.Of(std::move(prediction)));
  }
  return predictions;
}

std::vector<v1::ImagePrediction> ReadPoolDetections(Transaction& transaction, ProjectId project,
                                                    ModelId model, ImageId after, int limit) {
  const BoxFilter used(transaction, project);
  std::vector<v1::ImagePrediction> predictions;
  for (const auto& row : transaction.Exec("SelectPoolDetections", project, model, after, limit)) {
    predictions.push_back(used.Of(DetectionsOf(row, 1)));
  }
  return predictions;
}

CommonDetections ReadCommonDetections(Transaction& transaction, ProjectId project, ModelId first,
                                      ModelId second, int limit) {
  const BoxFilter used(transaction, project);
  CommonDetections common;
  for (const auto& row : transaction.Exec("SelectCommonDetections", project, first, second, limit)) {
    common.first.push_back(used.Of(DetectionsOf(row, 1)));
    common.second.push_back(used.Of(DetectionsOf(row, 4)));
  }
  return common;
}

std::vector<Appearance> ReadAppearances(Transaction& transaction, ModelId model,
                                        const std::vector<int64_t>& images) {
  return AppearancesOf(transaction.Exec("SelectAppearances", model, images));
}

std::vector<Embedded> ReadEmbedded(Transaction& transaction, ModelId model,
                                   const std::vector<ImageId>& images) {
  std::vector<Embedded> embedded;
  for (const auto& row : transaction.Exec("SelectEmbeddedImages", model, images)) {
    embedded.push_back({ShownImage(row), BytesOf(row["embedding"])});
  }
  return embedded;
}

std::vector<PoolEmbedding> ReadPoolEmbeddings(Transaction& transaction, ProjectId project, ModelId model,
                                              ImageId after, int limit) {
  std::vector<PoolEmbedding> embeddings;
  for (const auto& row : transaction.Exec("SelectPoolEmbeddings", project, model, after, limit)) {
    embeddings.push_back({IdOf<ImageId>(row[0]), BytesOf(row[1])});
  }
  return embeddings;
}

ImageSpan ReadImageSpan(Transaction& transaction, ProjectId project) {
  const pqxx::result rows = transaction.Exec("SelectImageSpan", project);
  return {IdOf<ImageId>(rows.at(0)[0]), IdOf<ImageId>(rows.at(0)[1])};
}

std::vector<Appearance> ReadLabelledAppearances(Transaction& transaction, ProjectId project, ModelId model,
                                                ImageId after, int limit) {
  return AppearancesOf(transaction.Exec("SelectLabelledAppearances", project, model, after, limit));
}

}  // namespace loupe
