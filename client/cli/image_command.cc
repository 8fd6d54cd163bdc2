// loupe image list, exclude, restore, remove, gold
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/lib/request_id.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/labeling.grpc.pb.h"

namespace loupe {
namespace {

struct ListImagesOptions {
  std::string side;
  bool labelled = false;
  bool unlabelled = false;
  bool unusable = false;
  bool json = false;
};

struct ImageStateOptions {
  std::string image;
  std::string reason;
  bool yes = false;
  bool json = false;
};

struct GoldOptions {
  std::vector<int64_t> images;
  bool remove = false;
  bool json = false;
};

absl::Status ListImages(const Context& context, const ListImagesOptions& options) {
  Json json = {{"images", Json::array()}};
  Table table({"id", "file name", "size", "side", "group", "revisions", "state"});
  v1::ListImagesRequest request;
  request.set_project(context.project());
  request.set_side(SideOf(options.side));
  if (options.labelled || options.unlabelled) request.set_labelled(options.labelled);
  if (options.unusable) request.set_unusable(true);
  do {
    const auto page = Ask(context, &v1::ImageService::Stub::ListImages, request);
    if (!page.ok()) return page.status();
    for (const v1::Image& image : page->images()) {
      json["images"].push_back(ImageJson(image));
      table.Add({absl::StrCat(image.id()), image.file_name(),
                 absl::StrCat(image.width(), " x ", image.height()), SideName(image.side()), image.group(),
                 absl::StrCat(image.revisions()), ImageStateText(image)});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

template <typename Request>
Request RequestFor(const Context& context, const std::string& image) {
  Request request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  SetImage(image, request);
  return request;
}

void PrintState(const v1::Image& image, bool json) {
  if (json) return PrintJson(ImageJson(image));
  std::printf("image %ld is %s\n", image.id(), Printable(ImageStateText(image)).c_str());
}

absl::Status Exclude(const Context& context, const ImageStateOptions& options) {
  auto request = RequestFor<v1::ExcludeImageRequest>(context, options.image);
  request.set_reason(options.reason);
  const auto image = Ask(context, &v1::ImageService::Stub::ExcludeImage, request);
  if (!image.ok()) return image.status();
  PrintState(*image, options.json);
  return absl::OkStatus();
}

absl::Status Restore(const Context& context, const ImageStateOptions& options) {
  const auto request = RequestFor<v1::RestoreImageRequest>(context, options.image);
  const auto image = Ask(context, &v1::ImageService::Stub::RestoreImage, request);
  if (!image.ok()) return image.status();
  PrintState(*image, options.json);
  return absl::OkStatus();
}

absl::Status Remove(const Context& context, const ImageStateOptions& options) {
  if (!options.yes) {
    return UsageError("this erases the picture for good: give --yes if that is what you want");
  }
  auto request = RequestFor<v1::RemoveImageRequest>(context, options.image);
  request.set_reason(options.reason);
  const auto image = Ask(context, &v1::ImageService::Stub::RemoveImage, request);
  if (!image.ok()) return image.status();
  PrintState(*image, options.json);
  if (options.json) return absl::OkStatus();
  std::printf("its name is erased, too: `loupe provenance image %ld` finds its history\n", image->id());
  PrintWhereErasedPicturesAre();
  return absl::OkStatus();
}

absl::Status SetGold(const Context& context, const GoldOptions& options) {
  v1::SetGoldImagesRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.mutable_image_ids()->Assign(options.images.begin(), options.images.end());
  request.set_gold(!options.remove);
  const auto marked = Ask(context, &v1::LabelingService::Stub::SetGoldImages, request);
  if (!marked.ok()) return marked.status();
  if (options.json) {
    Json json = {{"image_ids", Json::array()}, {"problems", Json::array()}};
    for (const int64_t image : marked->image_ids()) json["image_ids"].push_back(image);
    for (const v1::ImageProblem& problem : marked->problems()) {
      json["problems"].push_back(
          {{"image_id", problem.image_id()}, {"reason", problem.reason()}, {"message", problem.message()}});
    }
    PrintJson(json);
    return absl::OkStatus();
  }
  std::printf("%s %s gold\n", Counted(static_cast<uint64_t>(marked->image_ids_size()), "image").c_str(),
              options.remove ? "no longer" : "marked");
  for (const v1::ImageProblem& problem : marked->problems()) std::printf("%s\n", problem.message().c_str());
  return absl::OkStatus();
}

CLI::App* AddStateCommand(CLI::App& parent, const std::string& name, const std::string& description,
                          ImageStateOptions& options) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->add_option("image", options.image, "Its id or file name")->required();
  command->add_flag("--json", options.json, "Print the image as JSON");
  return command;
}

}  // namespace

void AddSideOption(CLI::App* command, std::string& side) {
  command->add_option("--side", side, "Only this side of the split; default: both")
      ->check(CLI::IsMember({"pool", "holdout"}));
}

void PrintWhereErasedPicturesAre() {
  std::printf(
      "copies may be in backups that were made before, and in the --cache-dir of workers until that is "
      "deleted\n");
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
  command->add_flag("--unusable", list->unusable, "Only those that are set aside, excluded or removed");
  command->add_flag("--json", list->json, "Print JSON");
  OnChosen(command, action, list, ListImages);

  auto exclude = std::make_shared<ImageStateOptions>();
  command =
      AddStateCommand(*image, "exclude", "Leave an image out from now on; its labels are kept", *exclude);
  command->add_option("--reason", exclude->reason, "Why, for those who find it left out")->required();
  OnChosen(command, action, exclude, Exclude);

  auto restore = std::make_shared<ImageStateOptions>();
  command = AddStateCommand(*image, "restore", "Use an image again that was excluded or set aside", *restore);
  OnChosen(command, action, restore, Restore);

  auto remove = std::make_shared<ImageStateOptions>();
  command = AddStateCommand(*image, "remove",
                            "Erase an image for good: picture, name, predictions; its label history stays",
                            *remove);
  command->add_option("--reason", remove->reason, "Why, e.g. a request for erasure")->required();
  command->add_flag("--yes", remove->yes, "Erase it");
  OnChosen(command, action, remove, Remove);

  auto gold = std::make_shared<GoldOptions>();
  command = image->add_subcommand(
      "gold", "Vouch for the labels that images of the pool have now: errors are planted over them");
  command->add_option("image", gold->images, "Their ids")->required();
  command->add_flag("--remove", gold->remove, "They aren't gold any more");
  command->add_flag("--json", gold->json, "Print JSON");
  OnChosen(command, action, gold, SetGold);
}

}  // namespace loupe
