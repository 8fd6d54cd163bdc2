#include "coco/coco_results.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "coco/coco_text.h"

namespace loupe {
namespace {

bool IsFinite(const CocoDetection& detection) {
  return std::isfinite(detection.score) && std::all_of(detection.bbox.begin(), detection.bbox.end(),
                                                       [](double number) { return std::isfinite(number); });
}

void AppendDetection(std::string& out, const CocoDetection& detection) {
  absl::StrAppend(&out, "{\"image_id\": ", detection.image_id, ", \"category_id\": ", detection.category_id,
                  ", \"bbox\": [");
  for (size_t i = 0; i < detection.bbox.size(); ++i) {
    if (i > 0) out += ", ";
    AppendNumber(out, detection.bbox[i]);
  }
  out += "], \"score\": ";
  AppendNumber(out, detection.score);
  out += '}';
}

}  // namespace

absl::StatusOr<std::vector<CocoDetection>> ReadCocoResults(const std::filesystem::path& path) {
  const absl::StatusOr<simdjson::padded_string> text = LoadText(path);
  if (!text.ok()) return text.status();
  simdjson::dom::parser parser;
  const absl::StatusOr<simdjson::dom::element> root = ParseJson(parser, *text, path.string());
  if (!root.ok()) return root.status();

  CocoProblems problems;
  std::vector<CocoDetection> detections;
  simdjson::dom::array list;
  if (root->get(list) != simdjson::SUCCESS) {
    problems.Add("the file is not a JSON list of detections");
    return problems.ToStatus(path.string());
  }
  detections.reserve(list.size());
  size_t place = 0;
  for (const simdjson::dom::element item : list) {
    const std::string where = absl::StrCat("detection ", ++place);
    simdjson::dom::object object;
    if (item.get(object) != simdjson::SUCCESS) {
      problems.Add(absl::StrCat(where, ": is not an object"));
      continue;
    }
    const CocoFields fields(object, where, problems);
    const std::optional<int64_t> image_id = fields.WholeNumber("image_id");
    const std::optional<int64_t> category_id = fields.WholeNumber("category_id");
    const auto bbox = fields.FourNumbers("bbox");
    const std::optional<double> score = fields.Number("score");
    if (image_id && category_id && bbox && score) {
      detections.push_back({*image_id, *category_id, *bbox, *score});
    }
  }
  if (!problems.empty()) return problems.ToStatus(path.string());
  return detections;
}

absl::Status WriteCocoResults(std::span<const CocoDetection> detections, const std::filesystem::path& path) {
  for (size_t i = 0; i < detections.size(); ++i) {
    if (!IsFinite(detections[i])) {
      return absl::InvalidArgumentError(absl::StrCat("detection ", i + 1, " (image ", detections[i].image_id,
                                                     ") holds a number that is not finite"));
    }
  }
  return WriteText(path, [&](WholeFile& out) {
    absl::Status written = out.Append("[");
    std::string line;
    for (size_t i = 0; written.ok() && i < detections.size(); ++i) {
      line = i == 0 ? "\n" : ",\n";
      AppendDetection(line, detections[i]);
      written = out.Append(line);
    }
    return written.ok() ? out.Append("\n]\n") : written;
  });
}

}  // namespace loupe
