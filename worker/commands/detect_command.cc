#include "worker/commands/detect_command.h"

#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "coco/category_labels.h"
#include "coco/coco_file.h"
#include "coco/coco_results.h"
#include "content/picture_header.h"
#include "proto/class_index.h"
#include "worker/commands/config_option.h"
#include "worker/pictures/coco_pictures.h"
#include "worker/pictures/image_decode.h"
#include "worker/prediction/device.h"
#include "worker/prediction/picture_prediction.h"

namespace loupe {
namespace {

using detection::Detections;

// Of a picture that can't be used, why.
using MaybeDetections = absl::StatusOr<Detections>;

// A file that can't be read is reported by `load`, when its turn comes.
Picture PictureIn(const std::filesystem::path& file, IntensityRange range,
                  std::function<detection::ImageSize()> size) {
  return {std::move(size), [file, range] { return LoadImage(file, range); }};
}

detection::ImageSize SizeOf(const std::filesystem::path& file) {
  const absl::StatusOr<PictureHeader> header = LoadPictureHeader(file);
  return header.ok() ? detection::ImageSize{header->height(), header->width()} : detection::ImageSize();
}

// Calls `take` with the detections of each picture, in their order. Errors: those of `take`, and of the
// network.
absl::Status ForEachImage(Predictor& predictor, const std::vector<Picture>& pictures,
                          const detection::DetectOptions& options, int64_t batch_size,
                          const std::function<absl::Status(size_t, const MaybeDetections&)>& take) {
  const PredictOptions predict = {.detect = options, .batch_size = static_cast<size_t>(batch_size)};
  std::map<size_t, MaybeDetections> early;
  size_t next = 0;
  return PredictPictures(
      predictor, pictures, predict, [&](size_t index, absl::StatusOr<Prediction> prediction) -> absl::Status {
        early.emplace(index, prediction.ok() ? MaybeDetections(std::move(prediction->detections))
                                             : MaybeDetections(prediction.status()));
        for (auto first = early.begin(); first != early.end() && first->first == next; ++next) {
          if (absl::Status taken = take(next, first->second); !taken.ok()) return taken;
          first = early.erase(first);
        }
        return absl::OkStatus();
      });
}

// The files, and the pictures below the folders in order of their names. Errors: NOT_FOUND.
absl::StatusOr<std::vector<std::filesystem::path>> PicturesOf(
    const std::vector<std::filesystem::path>& given) {
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& path : given) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const size_t begin = files.size();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error)) {
      if (entry.is_regular_file(error) && IsPictureName(entry.path().string())) files.push_back(entry.path());
    }
    if (files.size() == begin) {
      return absl::NotFoundError(absl::StrCat("no picture (", kPictureNames, ") in ", path.string()));
    }
    std::sort(files.begin() + static_cast<ptrdiff_t>(begin), files.end());
  }
  return files;
}

nlohmann::json ListOf(const Detections& detections, const std::vector<std::string>& class_names) {
  nlohmann::json list = nlohmann::json::array();
  for (int64_t i = 0; i < detections.scores.size(0); ++i) {
    const float* box = detections.boxes[i].data_ptr<float>();
    const auto label = detections.labels[i].item<int64_t>();
    nlohmann::json one = {{"label", label},
                          {"score", detections.scores[i].item<float>()},
                          {"box", {box[0], box[1], box[2], box[3]}}};
    if (!class_names.empty()) one["class"] = class_names.at(ClassIndexOf(static_cast<uint32_t>(label)));
    list.push_back(std::move(one));
  }
  return list;
}

// Pictures that can't be used. The others are done first.
class BadPictures {
 public:
  void Note(const absl::Status& why) {
    if (++count_ == 1) first_ = std::string(why.message());
  }
  // of: how many pictures there are.
  absl::Status ToStatus(size_t of) const {
    if (count_ == 0) return absl::OkStatus();
    if (count_ == 1) return absl::InvalidArgumentError(first_);
    return absl::InvalidArgumentError(
        absl::StrCat(count_, " of ", of, " pictures can't be used, the first: ", first_));
  }

 private:
  size_t count_ = 0;
  std::string first_;
};

// A picture that can't be used has a line with an error, and the others follow.
absl::Status PrintLines(Predictor& predictor, const DetectFilesOptions& options, std::ostream& out) {
  const auto files = PicturesOf(options.images);
  if (!files.ok()) return files.status();
  const detection::DetectOptions detect = {.score_threshold = options.score_threshold};
  BadPictures bad;
  const auto take = [&](size_t index, const MaybeDetections& detections) {
    nlohmann::json line = {{"image", (*files)[index].string()}};
    if (detections.ok()) {
      line["detections"] = ListOf(*detections, predictor.class_names());
    } else {
      line["error"] = std::string(detections.status().message());
      bad.Note(detections.status());
    }
    out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
    return absl::OkStatus();
  };
  std::vector<Picture> pictures;
  for (const std::filesystem::path& file : *files) {
    pictures.push_back(PictureIn(file, options.range, [file] { return SizeOf(file); }));
  }
  if (absl::Status run = ForEachImage(predictor, pictures, detect, options.batch_size, take); !run.ok())
    return run;
  return bad.ToStatus(files->size());
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
  absl::StatusOr<CocoFile> coco =
      ReadCocoFile(*options.coco, {.purpose = CocoPurpose::kTruth, .images_dir = options.images_dir});
  if (!coco.ok()) return coco.status();
  if (absl::Status fits = FitToPictures(*coco); !fits.ok()) return fits;
  const absl::StatusOr<CategoryLabels> labels = LabelsOf(*coco, predictor);
  if (!labels.ok()) return labels.status();
  std::vector<Picture> pictures;
  for (const CocoImage& image : coco->images) {
    const detection::ImageSize size = {image.height, image.width};  // FitToPictures has read it
    pictures.push_back(PictureIn(coco->images_dir / image.file_name, options.range, [size] { return size; }));
  }
  detection::DetectOptions detect;
  detect.score_threshold = options.score_threshold.value_or(kScoreThreshold);
  std::vector<CocoDetection> results;
  BadPictures bad;
  const auto take = [&](size_t index, const MaybeDetections& found) -> absl::Status {
    if (!found.ok()) {
      bad.Note(found.status());
      return absl::OkStatus();
    }
    const Detections& detections = *found;
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
    return absl::OkStatus();
  };
  absl::Status detected = ForEachImage(predictor, pictures, detect, options.batch_size, take);
  if (!detected.ok()) return detected;
  if (absl::Status written = WriteCocoResults(results, options.out); !written.ok()) return written;
  return bad.ToStatus(pictures.size());
}

}  // namespace

absl::Status RunDetectCommand(const DetectFilesOptions& options, std::ostream& out) {
  const absl::StatusOr<SafetensorsFile> weights = ReadWeightFile(options.weights);
  if (!weights.ok()) return weights.status();
  DetectorDescription description = options.description;
  if (absl::Status read = ReadConfigOption(options.config, description); !read.ok()) return read;
  absl::StatusOr<LoadedDetector> detector = LoadDetector(*weights, description);
  if (!detector.ok()) return detector.status();
  const absl::StatusOr<torch::Device> device = ResolveDevice(options.device, /*processes=*/1);
  if (!device.ok()) return device.status();
  absl::StatusOr<Predictor> predictor = Predictor::Create(*std::move(detector), *device, options.precision);
  if (!predictor.ok()) return predictor.status();
  return options.coco.has_value() ? WriteResults(*predictor, options) : PrintLines(*predictor, options, out);
}

}  // namespace loupe
