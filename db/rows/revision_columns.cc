#include "db/rows/revision_columns.h"

#include "absl/strings/ascii.h"

namespace loupe {
namespace {

void AddCorners(const v1::Box& box, std::vector<float>& corners) {
  corners.insert(corners.end(), {box.x1(), box.y1(), box.x2(), box.y2()});
}

}  // namespace

BoxColumns::BoxColumns(const std::vector<NewBox>& boxes) {
  for (const NewBox& added : boxes) {
    AddCorners(added.box.box(), corners);
    labels.push_back(added.box.label());
    origins.push_back(absl::AsciiStrToLower(v1::Origin_Name(added.box.origin())));
    ignores.push_back(added.box.ignore());
    predicted.push_back(added.predicted_index);
  }
}

RejectionColumns::RejectionColumns(const std::vector<v1::PredictedBox>& rejections) {
  for (const v1::PredictedBox& rejected : rejections) {
    indexes.push_back(rejected.index());
    labels.push_back(rejected.label());
    scores.push_back(rejected.score());
    AddCorners(rejected.box(), corners);
  }
}

}  // namespace loupe
