#include "worker/commands/evaluate_command.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coco/coco_file.h"
#include "coco/coco_results.h"

namespace loupe {
namespace {

using IndexOfId = absl::flat_hash_map<int64_t, int32_t>;

evaluation::Box ToBox(const std::array<double, 4>& bbox) { return {bbox[0], bbox[1], bbox[2], bbox[3]}; }

// Indices follow ascending ids, since pycocotools breaks ties of scores in that order.
template <typename Item>
IndexOfId IndexById(const std::vector<Item>& items) {
  std::vector<int64_t> ids;
  ids.reserve(items.size());
  for (const Item& item : items) ids.push_back(item.id);
  std::sort(ids.begin(), ids.end());
  IndexOfId index;
  for (size_t i = 0; i < ids.size(); ++i) index.emplace(ids[i], static_cast<int32_t>(i));
  return index;
}

evaluation::GroundTruth ToGroundTruth(const CocoFile& file, const IndexOfId& images,
                                      const IndexOfId& categories) {
  evaluation::GroundTruth truth;
  truth.image_count = static_cast<int>(images.size());
  truth.num_classes = static_cast<int>(categories.size());
  truth.boxes.reserve(file.annotations.size());
  for (const CocoAnnotation& annotation : file.annotations) {
    truth.boxes.push_back({.image = images.at(annotation.image_id),
                           .class_index = categories.at(annotation.category_id),
                           .box = ToBox(annotation.bbox),
                           .area = annotation.area,
                           .crowd = annotation.iscrowd,
                           .id_is_zero = annotation.id == 0});
  }
  return truth;
}

// The names of the 12 metrics: the key in JSON and the line in pycocotools' table.
struct Line {
  const char* key;
  const char* title;
  double evaluation::CocoSummary::*number;
};
using Summary = evaluation::CocoSummary;
constexpr std::array<Line, 12> kLines = {{
    {"ap", "Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ]", &Summary::ap},
    {"ap50", "Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ]", &Summary::ap50},
    {"ap75", "Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=100 ]", &Summary::ap75},
    {"ap_small", "Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ]",
     &Summary::ap_small},
    {"ap_medium", "Average Precision  (AP) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ]",
     &Summary::ap_medium},
    {"ap_large", "Average Precision  (AP) @[ IoU=0.50:0.95 | area= large | maxDets=100 ]",
     &Summary::ap_large},
    {"ar_1", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ]", &Summary::ar_1},
    {"ar_10", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets= 10 ]", &Summary::ar_10},
    {"ar_100", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ]", &Summary::ar_100},
    {"ar_small", "Average Recall     (AR) @[ IoU=0.50:0.95 | area= small | maxDets=100 ]",
     &Summary::ar_small},
    {"ar_medium", "Average Recall     (AR) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ]",
     &Summary::ar_medium},
    {"ar_large", "Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ]",
     &Summary::ar_large},
}};

std::string ToJson(const EvaluateReport& report) {
  nlohmann::ordered_json json;
  for (const Line& line : kLines) json["overall"][line.key] = report.overall.*line.number;
  json["per_category"] = nlohmann::ordered_json::object();
  for (const auto& [id, category] : report.per_category) {
    json["per_category"][std::to_string(id)] = {{"ap", category.ap}, {"ap50", category.ap50}};
  }
  return json.dump();
}

std::string ToTable(const EvaluateReport& report) {
  std::string table;
  for (const Line& line : kLines) {
    absl::StrAppendFormat(&table, " %s = %.3f\n", line.title, report.overall.*line.number);
  }
  absl::StrAppendFormat(&table, "\n %10s  %7s  %7s  %s\n", "category", "AP", "AP50", "name");
  for (const auto& [id, category] : report.per_category) {
    absl::StrAppendFormat(&table, " %10d  %7.3f  %7.3f  %s\n", id, category.ap, category.ap50,
                          report.category_names.at(id));
  }
  return table;
}

}  // namespace

absl::StatusOr<EvaluateReport> EvaluateFiles(const std::filesystem::path& ground_truth,
                                             const std::filesystem::path& detections) {
  const auto file = ReadCocoFile(ground_truth, {.purpose = CocoPurpose::kEvaluation, .images_dir = {}});
  if (!file.ok()) return file.status();
  const auto results = ReadCocoResults(detections);
  if (!results.ok()) return results.status();

  EvaluateReport report;
  const IndexOfId images = IndexById(file->images);
  const IndexOfId categories = IndexById(file->categories);
  std::vector<evaluation::DetectedBox> boxes;
  boxes.reserve(results->size());
  for (size_t i = 0; i < results->size(); ++i) {
    const CocoDetection& detection = (*results)[i];
    const auto image = images.find(detection.image_id);
    if (image == images.end()) {
      return absl::InvalidArgumentError(absl::StrCat(detections.string(), ": detection ", i + 1,
                                                     " is of image ", detection.image_id, ", which ",
                                                     ground_truth.string(),
                                                     " does not have; evaluate against the file that the "
                                                     "detections were made for"));
    }
    const auto category = categories.find(detection.category_id);
    if (category == categories.end()) {
      ++report.left_out_detections;
      continue;
    }
    boxes.push_back({image->second, category->second, ToBox(detection.bbox), detection.score});
  }

  const evaluation::CocoMetrics metrics =
      evaluation::EvaluateCoco(ToGroundTruth(*file, images, categories), boxes);
  report.overall = metrics.overall;
  for (const CocoCategory& category : file->categories) {
    report.per_category[category.id] = metrics.per_class[static_cast<size_t>(categories.at(category.id))];
    report.category_names[category.id] = category.name;
  }
  report.zero_id = std::any_of(file->annotations.begin(), file->annotations.end(),
                               [](const CocoAnnotation& annotation) { return annotation.id == 0; });
  return report;
}

absl::Status RunEvaluateCommand(const EvaluateOptions& options, std::ostream& out, std::ostream& remarks) {
  const absl::StatusOr<EvaluateReport> report = EvaluateFiles(options.ground_truth, options.detections);
  if (!report.ok()) return report.status();
  if (report->left_out_detections > 0) {
    remarks << "detections of categories that " << options.ground_truth.string()
            << " does not have, left out as pycocotools does: " << report->left_out_detections << "\n";
  }
  if (report->zero_id) {
    remarks << "annotation 0 counts as missed even when it is found, as in pycocotools; number annotations "
               "from 1\n";
  }
  out << (options.json ? ToJson(*report) + "\n" : ToTable(*report));
  return absl::OkStatus();
}

}  // namespace loupe
