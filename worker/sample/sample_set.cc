#include "worker/sample/sample_set.h"

#include <fstream>
#include <string>
#include <vector>

#include <opencv2/imgcodecs.hpp>

#include "absl/strings/str_cat.h"
#include "coco/coco_file.h"
#include "worker/sample/sample.h"
#include "worker/sample/sample_defect.h"

namespace loupe {
namespace {

using sample::kDefectClasses;
using sample::kPictureSide;

absl::Status WritePicture(const SamplePicture& picture, const std::filesystem::path& path) {
  std::vector<uint8_t> bytes;
  if (!cv::imencode(".jpg", picture.pixels, bytes, {cv::IMWRITE_JPEG_QUALITY, 92})) {
    return absl::InternalError(absl::StrCat("could not encode ", path.string()));
  }
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file)
    return absl::UnavailableError(absl::StrCat("cannot write ", path.string(), ": is the disk full?"));
  return absl::OkStatus();
}

void AddToCoco(const SamplePicture& picture, CocoFile& coco) {
  const auto image_id = static_cast<int64_t>(coco.images.size()) + 1;
  coco.images.push_back({image_id, picture.file_name, kPictureSide, kPictureSide});
  for (const SampleBox& box : picture.boxes) {
    CocoAnnotation annotation;
    annotation.id = static_cast<int64_t>(coco.annotations.size()) + 1;
    annotation.image_id = image_id;
    annotation.category_id = box.label;
    annotation.bbox = {double(box.x), double(box.y), double(box.width), double(box.height)};
    annotation.area = annotation.bbox[2] * annotation.bbox[3];
    coco.annotations.push_back(annotation);
  }
}

}  // namespace

absl::Status WriteSample(const SampleOptions& options) {
  if (options.images < 1) return absl::InvalidArgumentError("--images must be at least 1");
  const std::filesystem::path folder = options.out / "images";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return absl::UnavailableError(absl::StrCat("cannot make ", folder.string(), ": ", error.message()));
  CocoFile coco;
  for (size_t i = 0; i < kDefectClasses.size(); ++i) {
    coco.categories.push_back({static_cast<int64_t>(i) + 1, std::string(kDefectClasses[i].name)});
  }
  SampleGenerator generator(options.seed);
  for (int i = 0; i < options.images; ++i) {
    const SamplePicture picture = generator.Next();
    if (absl::Status status = WritePicture(picture, folder / picture.file_name); !status.ok()) return status;
    AddToCoco(picture, coco);
  }
  return WriteCocoFile(coco, options.out / "annotations.json");
}

}  // namespace loupe
