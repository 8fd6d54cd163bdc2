// loupe model list|show|compare|import|export|promote|rollback
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/round_watch.h"
#include "client/cli/weights_conversion.h"
#include "client/lib/blob_stream.h"
#include "client/lib/request_id.h"
#include "content/sha256.h"
#include "loupe/v1/model.grpc.pb.h"

namespace loupe {
namespace {

struct ModelOptions {
  std::string model;
  bool json = false;
};

struct ImportModelOptions {
  std::filesystem::path weights;
  std::string preset;
  std::optional<std::filesystem::path> config;
  std::vector<std::string> class_names;
  std::string name;
  bool json = false;
};

struct ExportModelOptions {
  std::string model;
  std::filesystem::path out;
};

absl::Status PrintModel(const Context& context, const v1::Model& model, bool json) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  if (json) {
    PrintJson(ModelJson(model, *classes));
    return absl::OkStatus();
  }
  Table table({"model", absl::StrCat(model.number(), ", ", model.name())});
  table.Add({"state", model.state()});
  table.Add({"preset", model.preset()});
  table.Add({"parent", model.parent() == 0 ? "none" : absl::StrCat(model.parent())});
  table.Add({"round", model.round() == 0 ? "none: imported" : absl::StrCat(model.round())});
  if (model.round() != 0) {
    table.Add(
        {"trained on", absl::StrCat(model.snapshot_images(), " images, ", model.snapshot_boxes(), " boxes")});
  }
  if (model.withdrawn_labels() > 0) {
    table.Add({"  withdrawn since", Counted(model.withdrawn_labels(), "label")});
  }
  if (model.has_evaluation()) table.Add({"holdout", EvaluationText(model.evaluation())});
  const bool again = model.has_evaluation_now();
  if (again) {
    table.Add({"  by labels of now",
               absl::StrCat(EvaluationText(model.evaluation_now()), "; ", model.relabelled_images(),
                            " images were labelled, or their labels withdrawn, since then")});
  }
  for (const v1::ClassAp& one : (again ? model.evaluation_now() : model.evaluation()).per_class()) {
    table.Add({absl::StrCat("  ", classes->Name(one.label())), absl::StrCat("AP50 ", Fixed(one.ap50(), 4))});
  }
  if (model.evaluation().has_calibration()) {
    table.Add({"scores", CalibrationText(model.evaluation().calibration())});
  }
  if (model.has_gate()) table.Add({"gate", GateText(model.gate())});
  if (const auto hash = FromBytes(model.weights_sha256())) {
    table.Add({"weights", absl::StrCat(ToHex(*hash), ", ", model.weights_bytes(), " bytes")});
  }
  table.Add({"created", TimeText(model.created_at())});
  table.Print();
  return absl::OkStatus();
}

absl::Status ListModels(const Context& context, const ModelOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  Json json = {{"models", Json::array()}};
  Table table(
      {"model", "name", "state", "preset", "round", "images", "AP50", "judged on", "gate", "created"});
  v1::ListModelsRequest request;
  request.set_project(context.project());
  do {
    const auto page = Ask(context, &v1::ModelService::Stub::ListModels, request);
    if (!page.ok()) return page.status();
    for (const v1::Model& model : page->models()) {
      json["models"].push_back(ModelJson(model, *classes));
      table.Add({absl::StrCat(model.number()), model.name(), model.state(), model.preset(),
                 model.round() == 0 ? "-" : absl::StrCat(model.round()),
                 absl::StrCat(model.snapshot_images()),
                 model.has_evaluation() ? Fixed(model.evaluation().ap50(), 4) : "-",
                 absl::StrCat(model.evaluation().images()), GateName(model.gate().outcome()),
                 TimeText(model.created_at())});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

absl::Status ShowModel(const Context& context, const ModelOptions& options) {
  v1::GetModelRequest request;
  request.set_project(context.project());
  request.set_model(options.model);
  const auto model = Ask(context, &v1::ModelService::Stub::GetModel, request);
  if (!model.ok()) return model.status();
  return PrintModel(context, *model, options.json);
}

// The file's stem, with `-` in place of characters that a model's name can't have.
std::string NameOf(const std::filesystem::path& weights) {
  std::string name = weights.stem().string().substr(0, 100);
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') c = '-';
  }
  return name;
}

absl::StatusOr<v1::Model> SendWeights(const Connection& connection, const v1::ImportModelRequest& start,
                                      const std::filesystem::path& weights) {
  v1::ModelService::Stub stub(connection.channel());
  v1::Model model;
  Progress progress("MiB", (start.start().size_bytes() + kChunkBytes - 1) / kChunkBytes);
  absl::Status sent = RetryUnavailable(absl::Seconds(30), [&] {
    const auto context = connection.NewContext(StreamDeadline(start.start().size_bytes()));
    const auto writer = stub.ImportModel(context.get(), &model);
    v1::ImportModelRequest request = start;
    bool open = writer->Write(request);
    uint64_t chunks = 0;
    absl::Status read = ForEachChunk(weights, [&](std::string chunk) {
      request.set_chunk(std::move(chunk));
      progress.Update(++chunks);
      return open = open && writer->Write(request);
    });
    if (!read.ok()) context->TryCancel();
    if (open) writer->WritesDone();
    const grpc::Status status = writer->Finish();
    return read.ok() ? FromGrpc(status) : read;
  });
  if (!sent.ok()) return sent;
  return model;
}

// Imports a safetensors file that its metadata give to `file_preset`. `options` still name the file that the
// user gave.
absl::Status ImportSafetensors(const Context& context, const ImportModelOptions& options,
                               const std::filesystem::path& weights, const std::string& file_preset) {
  const std::string& preset = options.preset.empty() ? file_preset : options.preset;
  if (preset.empty()) {
    return UsageError(
        absl::StrCat(options.weights.string(), " doesn't say which detector it fits: name it with --preset"));
  }
  std::error_code error;
  const uint64_t size_bytes = std::filesystem::file_size(weights, error);
  if (error)
    return absl::NotFoundError(absl::StrCat("can't read ", options.weights.string(), ": ", error.message()));
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::ImportModelRequest request;
  v1::ImportModelStart& start = *request.mutable_start();
  start.set_request_id(NewRequestId());
  start.set_project(context.project());
  start.set_name(options.name.empty() ? NameOf(options.weights) : options.name);
  start.set_preset(preset);
  start.set_size_bytes(size_bytes);
  const auto model = SendWeights(*connection, request, weights);
  if (!model.ok()) return model.status();
  return PrintModel(context, *model, options.json);
}

absl::Status ImportModel(const Context& context, const ImportModelOptions& options) {
  const std::optional<std::string> file_preset = PresetOfFile(options.weights);
  const bool is_described = !options.preset.empty() || !file_preset.value_or("").empty();
  // What is broken in a file of this name, the coordinator says.
  const bool is_safetensors = options.weights.extension() == ".safetensors" || file_preset.has_value();
  if (is_safetensors && is_described && !options.config.has_value() && options.class_names.empty()) {
    return ImportSafetensors(context, options, options.weights, file_preset.value_or(""));
  }
  std::string folder = (std::filesystem::temp_directory_path() / "loupe-import-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    return absl::UnavailableError(absl::StrCat("can't make a folder such as ", folder));
  const absl::Cleanup remove = [&] {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
  };
  const WeightsConversion conversion = {.from = options.weights,
                                        .to = std::filesystem::path(folder) / "weights.safetensors",
                                        .preset = options.preset,
                                        .config = options.config,
                                        .class_names = options.class_names};
  if (absl::Status converted = ConvertWeights(conversion); !converted.ok()) return converted;
  return ImportSafetensors(context, options, conversion.to, PresetOfFile(conversion.to).value_or(""));
}

absl::Status ExportModel(const Context& context, const ExportModelOptions& options) {
  v1::GetModelRequest which;
  which.set_project(context.project());
  which.set_model(options.model);
  const auto model = Ask(context, &v1::ModelService::Stub::GetModel, which);
  if (!model.ok()) return model.status();
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::ModelService::Stub stub(connection->channel());
  v1::ExportModelRequest request;
  request.set_project(context.project());
  request.set_model(absl::StrCat(model->number()));
  absl::Status saved = RetryUnavailable(kInteractive.patience, [&] {
    const auto call = connection->NewContext(StreamDeadline(model->weights_bytes()));
    const auto reader = stub.ExportModel(call.get(), request);
    return SaveChunks(*call, *reader, options.out, FromBytes(model->weights_sha256()));
  });
  if (saved.ok()) std::printf("model %u is in %s\n", model->number(), options.out.c_str());
  return saved;
}

absl::Status Promote(const Context& context, const ModelOptions& options) {
  v1::PromoteModelRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_model(options.model);
  const auto model = Ask(context, &v1::ModelService::Stub::PromoteModel, request);
  if (!model.ok()) return model.status();
  return PrintModel(context, *model, options.json);
}

absl::Status Rollback(const Context& context, const ModelOptions& options) {
  v1::RollbackModelRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  const auto model = Ask(context, &v1::ModelService::Stub::RollbackModel, request);
  if (!model.ok()) return model.status();
  return PrintModel(context, *model, options.json);
}

CLI::App* AddModelCommand(CLI::App& parent, Action& action, const char* name, const char* help,
                          const char* json_help, std::shared_ptr<ModelOptions> options,
                          absl::Status (*run)(const Context&, const ModelOptions&)) {
  CLI::App* command = parent.add_subcommand(name, help);
  command->add_flag("--json", options->json, json_help);
  OnChosen(command, action, std::move(options), run);
  return command;
}

}  // namespace

void AddModelCommands(CLI::App& parent, Action& action) {
  CLI::App* model =
      parent.add_subcommand("model", "Models: list, show, compare, import, export, promote, roll back");

  AddModelCommand(*model, action, "list", "All models, newest first", "Print JSON",
                  std::make_shared<ModelOptions>(), ListModels);

  auto show = std::make_shared<ModelOptions>();
  AddModelCommand(*model, action, "show", "One model", "Print the model as JSON", show, ShowModel)
      ->add_option("model", show->model, "Its name or number; default: the serving one");

  AddCompareCommand(*model, action);

  auto import = std::make_shared<ImportModelOptions>();
  CLI::App* command = model->add_subcommand("import", "Import weights from elsewhere, to start rounds from");
  command
      ->add_option(
          "--weights", import->weights,
          "A .safetensors file that names its detector; or another, which loupe-worker converts first")
      ->required();
  CLI::Option* preset = command->add_option(
      "--preset", import->preset,
      "The detector it fits, as recipes name it: small, resnet50-fpn, …; default: as in the file");
  command
      ->add_option("--config", import->config,
                   "The configuration (config.yaml) of a checkpoint of Detectron2; needs --class-names")
      ->excludes(preset);
  command
      ->add_option("--class-names", import->class_names,
                   "The names of its classes, as a,b,…, in the order in which it was trained")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--name", import->name, "Its name in the project; default: the name of the file");
  command->add_flag("--json", import->json, "Print the model as JSON");
  OnChosen(command, action, import, ImportModel);

  auto out = std::make_shared<ExportModelOptions>();
  command = model->add_subcommand("export", "Save a model's weights as a safetensors file");
  command->add_option("model", out->model, "Its name or number; default: the serving one");
  command->add_option("--out", out->out, "Where to")->required();
  OnChosen(command, action, out, ExportModel);

  auto promote = std::make_shared<ModelOptions>();
  AddModelCommand(*model, action, "promote", "Make a model the serving one, whatever its gate says",
                  "Print the model as JSON", promote, Promote)
      ->add_option("model", promote->model, "Its name or number")
      ->required();

  AddModelCommand(*model, action, "rollback", "Go back to the model that served before",
                  "Print the model as JSON", std::make_shared<ModelOptions>(), Rollback);
}

}  // namespace loupe
