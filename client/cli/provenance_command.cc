// loupe provenance image|box|model, and the others that stand in files of their own
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/provenance.grpc.pb.h"

namespace loupe {
namespace {

struct ImageOptions {
  std::string image;
  bool json = false;
};

struct BoxLineageOptions {
  int64_t box_id = 0;
  bool json = false;
};

struct ModelLineageOptions {
  std::string model;
  bool json = false;
};

std::string BoxText(const v1::Box& box) {
  return absl::StrFormat("%.1f %.1f %.1f %.1f", box.x1(), box.y1(), box.x2(), box.y2());
}

std::string ReasonText(const v1::Reason& reason) {
  std::string text = absl::StrCat("served as ", SliceName(reason.slice()), ", generation ",
                                  reason.generation(), ", position ", reason.position());
  if (reason.has_score()) absl::StrAppend(&text, ", score ", Fixed(reason.score(), 4));
  if (reason.has_probability()) absl::StrAppend(&text, ", probability ", Fixed(reason.probability(), 4));
  return text;
}

// What the revisions of an image say of its truth now.
struct TruthNow {
  uint32_t revision = 0;                   // number; 0: it has no truth
  std::map<uint32_t, int64_t> taken_back;  // number of a revision -> the withdrawal
};

TruthNow TruthOf(const v1::ImageProvenance& provenance) {
  TruthNow now;
  std::set<uint32_t> truths;
  for (const v1::Revision& revision : provenance.revisions()) {
    if (revision.standing() == v1::STANDING_TRUTH) truths.insert(revision.number());
    if (revision.standing() == v1::STANDING_WITHDRAWN) {
      truths.erase(revision.based_on());
      now.taken_back[revision.based_on()] = revision.withdrawal();
    }
    if (revision.standing() == v1::STANDING_RESTORED) {
      truths.insert(revision.based_on());
      now.taken_back.erase(revision.based_on());
    }
  }
  if (!truths.empty()) now.revision = *truths.rbegin();
  return now;
}

// Its first line: who wrote it and when, and what it is now.
void PrintHead(const v1::Revision& revision, const TruthNow& now) {
  const auto taken_back = now.taken_back.find(revision.number());
  std::printf("\nrevision %u: %s by %s, %s%s%s%s%s\n", revision.number(),
              Printable(revision.source()).c_str(), Printable(revision.author()).c_str(),
              TimeText(revision.created_at()).c_str(), revision.blind() ? ", blind" : "",
              revision.standing() == v1::STANDING_LATE      ? ", came too late and is not the truth"
              : revision.standing() == v1::STANDING_OPINION ? ", a second opinion beside the truth"
              : revision.standing() == v1::STANDING_PLANTED ? ", of a task with a planted error"
              : revision.late()                             ? ", late"
                                                            : "",
              revision.number() == now.revision ? ", the truth now" : "",
              taken_back == now.taken_back.end()
                  ? ""
                  : absl::StrCat(", taken back by withdrawal ", taken_back->second).c_str());
}

// Its id, its name, and what became of it if it is not in use.
std::string ImageText(const v1::Image& image) {
  std::string text = absl::StrCat(image.id());
  if (!image.file_name().empty()) absl::StrAppend(&text, ", ", image.file_name());
  if (image.state() != v1::USABLE) absl::StrAppend(&text, " (", ImageStateText(image), ")");
  return text;
}

void PrintRevision(const v1::Revision& revision, const TruthNow& now, const ClassNames& classes) {
  PrintHead(revision, now);
  if (revision.withdrawal() != 0) {
    std::printf("  %s revision %u, by withdrawal %ld\n",
                revision.standing() == v1::STANDING_WITHDRAWN ? "takes back" : "gives back",
                revision.based_on(), revision.withdrawal());
    return;
  }
  if (revision.based_on() != 0) std::printf("  corrects revision %u\n", revision.based_on());
  if (!revision.note().empty()) std::printf("  note: %s\n", Printable(revision.note()).c_str());
  if (revision.has_reason()) std::printf("  %s\n", ReasonText(revision.reason()).c_str());
  if (revision.shown_model() != 0)
    std::printf("  predictions of model %u were shown\n", revision.shown_model());
  Table boxes({"  box", "class", "x1 y1 x2 y2", "origin"});
  for (const v1::LabelBox& box : revision.boxes()) {
    boxes.Add({absl::StrCat("  ", box.box_id()), classes.Name(box.label()), BoxText(box.box()),
               absl::StrCat(OriginName(box.origin()), box.ignore() ? ", to ignore" : "")});
  }
  bool any = !revision.boxes().empty();
  int at_once = 0;
  for (const v1::ShownBox& shown : revision.shown_boxes()) {
    if (shown.outcome() == v1::OUTCOME_ACCEPTED_AT_ONCE) ++at_once;
    if (BecameABox(shown.outcome())) continue;  // it is among the boxes
    const v1::PredictedBox& box = shown.box();
    boxes.Add({"  -", classes.Name(box.label()), BoxText(box.box()),
               absl::StrCat(OutcomeName(shown.outcome()), ", score ", Fixed(box.score(), 3))});
    any = true;
  }
  if (!any) {
    std::printf("  no boxes: the image is clean\n");
  } else {
    std::fputs(boxes.Text().c_str(), stdout);
  }
  if (at_once > 0) std::printf("  accepted by one act, with all that were left: %d\n", at_once);
}

absl::Status ShowImage(const Context& context, const ImageOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::GetImageProvenanceRequest request;
  request.set_project(context.project());
  SetImage(options.image, request);
  const auto provenance = Ask(context, &v1::ProvenanceService::Stub::GetImageProvenance, request);
  if (!provenance.ok()) return provenance.status();
  if (options.json) {
    PrintJson(ProvenanceJson(*provenance, *classes));
    return absl::OkStatus();
  }
  const v1::Image& image = provenance->image();
  Table table({"image", ImageText(image)});
  table.Add({"size", absl::StrCat(image.width(), " x ", image.height(), ", ", image.size_bytes(), " bytes")});
  table.Add({"side", SideName(image.side())});
  if (!image.group().empty()) table.Add({"group", image.group()});
  const std::string rounds = absl::StrJoin(provenance->trained_in_rounds(), ", ");
  table.Add({"trained on in rounds", rounds.empty() ? "none" : rounds});
  if (!provenance->pseudo_labelled_in_rounds().empty()) {
    table.Add({"pseudo-labelled in rounds", absl::StrJoin(provenance->pseudo_labelled_in_rounds(), ", ")});
  }
  table.Print();
  if (provenance->revisions().empty()) std::printf("\nnobody has labelled it\n");
  const TruthNow now = TruthOf(*provenance);
  for (const v1::Revision& revision : provenance->revisions()) PrintRevision(revision, now, *classes);
  return absl::OkStatus();
}

template <typename Numbers>
std::string NumberList(const Numbers& numbers) {
  return numbers.empty() ? "none" : absl::StrJoin(numbers, ", ");
}

void PrintBoxRevision(const v1::BoxRevision& held, const TruthNow& now, const ClassNames& classes) {
  const v1::Revision& revision = held.revision();
  const v1::LabelBox& box = held.box();
  PrintHead(revision, now);
  std::printf("  %s at %s, %s%s\n", Printable(classes.Name(box.label())).c_str(), BoxText(box.box()).c_str(),
              OriginName(box.origin()).c_str(), box.ignore() ? ", to ignore" : "");
  if (revision.has_reason()) std::printf("  %s\n", ReasonText(revision.reason()).c_str());
  if (held.has_spent_ms()) {
    std::printf("  %s s on the box\n", Fixed(static_cast<double>(held.spent_ms()) / 1000, 1).c_str());
  }
  if (!held.has_source()) return;
  const v1::BoxSource& source = held.source();
  const std::string calibrated =
      source.has_calibrated_score() ? absl::StrCat(", calibrated ", Fixed(source.calibrated_score(), 3)) : "";
  std::printf("  made from a box of model %u: %s at %s, score %s%s; %s, overlap (IoU) %s\n", source.model(),
              Printable(classes.Name(source.box().label())).c_str(), BoxText(source.box().box()).c_str(),
              Fixed(source.box().score(), 3).c_str(), calibrated.c_str(),
              OutcomeName(source.outcome()).c_str(), Fixed(source.iou(), 3).c_str());
}

std::string InTruthText(const v1::BoxProvenance& provenance, const TruthNow& now) {
  if (provenance.image().state() == v1::REMOVED) return "no: the image was removed";
  if (provenance.in_truth()) return "yes";
  if (now.revision == 0) return "no: the image has no truth now";
  return absl::StrCat("no: the truth is revision ", now.revision, ", which doesn't hold it");
}

absl::Status ShowBoxLineage(const Context& context, const BoxLineageOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::GetBoxProvenanceRequest request;
  request.set_project(context.project());
  request.set_box_id(options.box_id);
  const auto provenance = Ask(context, &v1::ProvenanceService::Stub::GetBoxProvenance, request);
  if (!provenance.ok()) return provenance.status();
  if (options.json) {
    PrintJson(BoxProvenanceJson(*provenance, *classes));
    return absl::OkStatus();
  }
  v1::GetImageProvenanceRequest image;
  image.set_project(context.project());
  image.set_image_id(provenance->image().id());
  const auto revisions = Ask(context, &v1::ProvenanceService::Stub::GetImageProvenance, image);
  if (!revisions.ok()) return revisions.status();
  const TruthNow now = TruthOf(*revisions);
  Table table({"box", absl::StrCat(provenance->box_id())});
  table.Add({"image", ImageText(provenance->image())});
  table.Add({"in the truth", InTruthText(*provenance, now)});
  table.Add({"models that learned from it", NumberList(provenance->trained_models())});
  table.Print();
  for (const v1::BoxRevision& held : provenance->revisions()) PrintBoxRevision(held, now, *classes);
  return absl::OkStatus();
}

absl::Status ShowModelLineage(const Context& context, const ModelLineageOptions& options) {
  v1::GetModelProvenanceRequest request;
  request.set_project(context.project());
  request.set_model(options.model);
  const auto provenance = Ask(context, &v1::ProvenanceService::Stub::GetModelProvenance, request);
  if (!provenance.ok()) return provenance.status();
  if (options.json) {
    const auto classes = FetchClasses(context);
    if (!classes.ok()) return classes.status();
    PrintJson(ModelProvenanceJson(*provenance, *classes));
    return absl::OkStatus();
  }
  const v1::Model& model = provenance->model();
  Table table({"model", absl::StrCat(model.number(), ", ", model.name(), ", ", model.state())});
  table.Add({"made by", model.round() == 0 ? "import" : absl::StrCat("round ", model.round())});
  table.Add({"its weights come from", NumberList(provenance->ancestors())});
  table.Add({"models with its weights", NumberList(provenance->descendants())});
  table.Add(
      {"trained on", absl::StrCat(model.snapshot_images(), " images, ", model.snapshot_boxes(), " boxes")});
  if (model.withdrawn_labels() > 0) {
    table.Add({"withdrawn since", absl::StrCat(Counted(model.withdrawn_labels(), "label"),
                                               " that it or its ancestors learned from")});
  }
  table.Print();
  if (provenance->authors().empty()) return absl::OkStatus();
  Table origins({"origin", "boxes"});
  for (const v1::OriginCount& count : provenance->origins()) {
    origins.Add({OriginName(count.origin()), absl::StrCat(count.boxes())});
  }
  Table authors({"author", "images", "blind", "boxes"});
  for (const v1::AuthorCount& count : provenance->authors()) {
    authors.Add({count.author(), absl::StrCat(count.images()), absl::StrCat(count.blind_images()),
                 absl::StrCat(count.boxes())});
  }
  std::printf("\n");
  origins.Print();
  std::printf("\n");
  authors.Print();
  return absl::OkStatus();
}

}  // namespace

void AddProvenanceCommands(CLI::App& parent, Action& action) {
  CLI::App* provenance = parent.add_subcommand("provenance", "Where every label came from");

  auto image = std::make_shared<ImageOptions>();
  CLI::App* command =
      provenance->add_subcommand("image", "An image's revisions, and what became of each box that was shown");
  command->add_option("image", image->image, "Its id or file name")->required();
  command->add_flag("--json", image->json, "Print JSON");
  OnChosen(command, action, image, ShowImage);

  auto box = std::make_shared<BoxLineageOptions>();
  command = provenance->add_subcommand(
      "box", "What a box was made from, what became of it, and the models that learned from it");
  command->add_option("box", box->box_id, "Its id, as `loupe provenance image` prints it")->required();
  command->add_flag("--json", box->json, "Print JSON");
  OnChosen(command, action, box, ShowBoxLineage);

  auto model = std::make_shared<ModelLineageOptions>();
  command = provenance->add_subcommand("model", "What a model learned from: labels by origin and by author");
  command->add_option("model", model->model, "Its name or number; default: the serving model");
  command->add_flag("--json", model->json, "Print JSON");
  OnChosen(command, action, model, ShowModelLineage);

  AddCheckpointCommands(*provenance, action);
  AddEventWatchCommand(*provenance, action);
  AddQueryCommand(*provenance, action);
  AddStatsCommand(*provenance, action);
}

}  // namespace loupe
