#include "server/rpc/image_list.h"

#include <array>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

struct ProblemText {
  std::string_view reason;
  const char* message;  // `#` stands for the image
};

constexpr std::array<ProblemText, 12> kProblemTexts = {{
    {"NO_SUCH_IMAGE", "there is no # in this project"},
    {"IMAGE_REMOVED", "# was removed for good"},
    {"IMAGE_NOT_USABLE", "# is excluded or set aside"},
    {"IMAGE_USABLE", "# is in use"},
    {"ALREADY_ASKED", "somebody is asked about # already: take that back first"},
    {"NOT_LABELLED", "# has no label to look at"},
    {"OWN_ANSWER", "the reviewer labelled # and can't review it: choose somebody else"},
    {"ASKED_BY_YOURSELF", "# belongs to the holdout: whoever asks for a second look can't be who looks"},
    {"HOLDOUT_ORDER", "# belongs to the holdout, which is labelled in its own order"},
    {"HOLDOUT_IMAGE", "# belongs to the holdout: only images of the pool can be gold"},
    {"NOT_GOLD", "# isn't gold"},
    {"NOT_ASKED", "nobody is asked about #"},
}};

}  // namespace

absl::Status CheckImageCount(const google::protobuf::RepeatedField<int64_t>& images) {
  if (!images.empty() && images.size() <= kMaxImagesPerCall) return absl::OkStatus();
  return InvalidArgument(
      absl::StrCat("image_ids holds ", images.size(), ": give 1 to ", kMaxImagesPerCall, " in a call"));
}

std::vector<ImageId> ImageIds(const google::protobuf::RepeatedField<int64_t>& images) {
  return {images.begin(), images.end()};
}

v1::ImageProblem ProblemOf(const ImageOutcome& outcome) {
  v1::ImageProblem problem;
  problem.set_image_id(outcome.image.value());
  problem.set_reason(outcome.problem);
  for (const ProblemText& text : kProblemTexts) {
    if (text.reason != outcome.problem) continue;
    problem.set_message(
        absl::StrReplaceAll(text.message, {{"#", absl::StrCat("image ", outcome.image.value())}}));
  }
  return problem;
}

}  // namespace loupe
