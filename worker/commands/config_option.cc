#include "worker/commands/config_option.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "detectron2/config.h"

namespace loupe {

absl::Status ReadConfigOption(const std::optional<std::filesystem::path>& config,
                              DetectorDescription& description) {
  if (!config.has_value()) return absl::OkStatus();
  absl::StatusOr<Detectron2Config> read = ReadDetectron2Config(*config);
  if (!read.ok()) return read.status();
  const auto named = static_cast<int64_t>(description.class_names.size());
  if (named != read->num_classes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the configuration has ", read->num_classes, " classes (MODEL.ROI_HEADS.NUM_CLASSES)",
                     named == 0 ? ", but not their names: give these"
                                : absl::StrCat(", and ", named, " are named: name each"),
                     " with --class-names a,b,…, in the order in which the model was trained"));
  }
  description.detector = std::move(read->detector);
  description.num_classes = read->num_classes;
  return absl::OkStatus();
}

}  // namespace loupe
