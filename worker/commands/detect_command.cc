#include "worker/commands/detect_command.h"

#include <torch/types.h>

#include <functional>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/lib/category_labels.h"
#include "client/lib/coco_file.h"
#include "client/lib/coco_results.h"
#include "proto/class_index.h"
#include "worker/pictures/image_decode.h"
#include "worker/prediction/device.h"
#include "worker/prediction/picture_prediction.h"

namespace loupe {
namespace {

using detection::Detections;

// Calls `take` with the detections of each file, in the order of the files.
absl::Status ForEachImage(Predictor& predictor, const std::vector<std::filesystem::path>& files,
                          const detection::DetectOptions& options, int64_t batch_size,
                          const std::function<void(size_t, const Detections&)>& take) {
  std::vector<Picture> pictures;
  for (const std::filesystem::path& file : files) {
    // A file that can't be read is reported by `load`, when its turn comes.
    pictures.push_back({[file] { return LoadImageSize(file).value_or(detection::ImageSize()); },
                        [file] { return LoadImage(file); }});
  }
  const PredictOptions predict = {.detect = options, .batch_size = static_cast<size_t>(batch_size)};
  std::map<size_t, Detections> early;
  size_t next = 0;
  return PredictPictures(
      predictor, pictures, predict, [&](size_t index, absl::StatusOr<Prediction> prediction) -> absl::Status {
        if (!prediction.ok()) return prediction.status();
        early[index] = std::move(prediction->detections);
        for (auto first = early.begin(); first != early.end() && first->first == next; ++next) {
          take(next, first->second);
          first = early.erase(first);
        }
        return absl::OkStatus();
      });
}

absl::Status PrintLines(Predictor& predictor, const DetectFilesOptions& options, std::ostream& out) {
  detection::DetectOptions detect;
  detect.score_threshold = options.score_threshold.value_or(detect.score_threshold);
  return ForEachImage(
      predictor, options.images, detect, options.batch_size, [&](size_t index, const Detections& detections) {
        nlohmann::json list = nlohmann::json::array();
        for (int64_t i = 0; i < detections.scores.size(0); ++i) {
          const float* box = detections.boxes[i].data_ptr<float>();
          list.push_back({{"label", detections.labels[i].item<int64_t>()},
                          {"score", detections.scores[i].item<float>()},
                          {"box", {box[0], box[1], box[2], box[3]}}});
        }
        const nlohmann::json line = {{"image", options.images[index].string()}, {"detections", list}};
        out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
      });
}

// By name where the weights know their classes' names, else by ascending id. Every label of the weights has a
// category.
absl::StatusOr<CategoryLabels> LabelsOf(const CocoFile& coco, const Predictor& predictor) {
  if (predictor.class_names().empty()) {
    CategoryLabels labels = CategoryLabels::ByAscendingId(coco.categories);
    if (static_cast<int64_t>(labels.class_names().size()) == predictor.num_classes()) return labels;
    return absl::InvalidArgumentError(absl::StrCat("the COCO file has ", coco.categories.size(),
                                                   " categories, the weights have ",
                                                   predictor.num_classes()));
  }
  CategoryLabels labels = CategoryLabels::ByName(coco.categories, predictor.class_names());
  for (uint32_t label = 1; label <= predictor.class_names().size(); ++label) {
    if (labels.CategoryIdOf(label).has_value()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the COCO file has no category '", predictor.class_names()[ClassIndexOf(label)], "' of the weights"));
  }
  return labels;
}

absl::Status WriteResults(Predictor& predictor, const DetectFilesOptions& options) {
  constexpr double kScoreThreshold = 0.01;  // AP needs the whole precision-recall curve
  const absl::StatusOr<CocoFile> coco =
      ReadCocoFile(*options.coco, {.purpose = CocoPurpose::kTruth, .images_dir = options.images_dir});
  if (!coco.ok()) return coco.status();
  const absl::StatusOr<CategoryLabels> labels = LabelsOf(*coco, predictor);
  if (!labels.ok()) return labels.status();
  std::vector<std::filesystem::path> files;
  for (const CocoImage& image : coco->images) files.push_back(options.images_dir / image.file_name);
  detection::DetectOptions detect;
  detect.score_threshold = options.score_threshold.value_or(kScoreThreshold);
  std::vector<CocoDetection> results;
  const auto take = [&](size_t index, const Detections& detections) {
    for (int64_t i = 0; i < detections.scores.size(0); ++i) {
      const float* box = detections.boxes[i].data_ptr<float>();
      CocoDetection result;
      result.image_id = coco->images[index].id;
      const auto label = static_cast<uint32_t>(detections.labels[i].item<int64_t>());
      result.category_id = labels->CategoryIdOf(label).value();
      result.bbox = {box[0], box[1], double{box[2]} - box[0], double{box[3]} - box[1]};
      result.score = detections.scores[i].item<float>();
      results.push_back(result);
    }
  };
  absl::Status detected = ForEachImage(predictor, files, detect, options.batch_size, take);
  if (!detected.ok()) return detected;
  return WriteCocoResults(results, options.out);
}

}  // namespace

absl::Status RunDetectCommand(const DetectFilesOptions& options, std::ostream& out) {
  const absl::StatusOr<SafetensorsFile> weights = ReadWeightFile(options.weights);
  if (!weights.ok()) return weights.status();
  absl::StatusOr<LoadedDetector> detector = LoadDetector(*weights, options.description);
  if (!detector.ok()) return detector.status();
  const absl::StatusOr<torch::Device> device = ResolveDevice(options.device, /*processes=*/1);
  if (!device.ok()) return device.status();
  absl::StatusOr<Predictor> predictor = Predictor::Create(*std::move(detector), *device, options.precision);
  if (!predictor.ok()) return predictor.status();
  return options.coco.has_value() ? WriteResults(*predictor, options) : PrintLines(*predictor, options, out);
}

}  // namespace loupe
