// loupe image list
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/image.grpc.pb.h"

namespace loupe {
namespace {

struct ListImagesOptions {
  std::string side;
  bool labelled = false;
  bool unlabelled = false;
  bool json = false;
};

absl::Status ListImages(const Context& context, const ListImagesOptions& options) {
  Json json = {{"images", Json::array()}};
  Table table({"id", "file name", "size", "side", "group", "revisions"});
  v1::ListImagesRequest request;
  request.set_project(context.project());
  request.set_side(SideOf(options.side));
  if (options.labelled || options.unlabelled) request.set_labelled(options.labelled);
  do {
    const auto page = Ask(context, &v1::ImageService::Stub::ListImages, request);
    if (!page.ok()) return page.status();
    for (const v1::Image& image : page->images()) {
      json["images"].push_back(ImageJson(image));
      table.Add({absl::StrCat(image.id()), image.file_name(),
                 absl::StrCat(image.width(), " x ", image.height()), SideName(image.side()), image.group(),
                 absl::StrCat(image.revisions())});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

}  // namespace

void AddSideOption(CLI::App* command, std::string& side) {
  command->add_option("--side", side, "Only this side of the split; default: both")
      ->check(CLI::IsMember({"pool", "holdout"}));
}

v1::Side SideOf(const std::string& side) {
  if (side.empty()) return v1::SIDE_UNSPECIFIED;
  return side == "pool" ? v1::POOL : v1::HOLDOUT;
}

void AddImageCommands(CLI::App& parent, Action& action) {
  CLI::App* image = parent.add_subcommand("image", "Images of the project");
  auto list = std::make_shared<ListImagesOptions>();
  CLI::App* command = image->add_subcommand("list", "All images, in order of id");
  AddSideOption(command, list->side);
  CLI::Option* labelled = command->add_flag("--labelled", list->labelled, "Only those with labels");
  command->add_flag("--unlabelled", list->unlabelled, "Only those without")->excludes(labelled);
  command->add_flag("--json", list->json, "Print JSON");
  OnChosen(command, action, list, ListImages);
}

}  // namespace loupe
