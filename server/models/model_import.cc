#include "server/models/model_import.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/detector_metadata.h"
#include "recipe/detector_tensors.h"
#include "recipe/presets.h"
#include "server/blobs/weights_check.h"
#include "server/rpc/blob_chunks.h"

namespace loupe {
namespace {

constexpr uint64_t kMaxWeightsBytes = uint64_t{4} << 30;

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// The names of the classes of a file that has to be all of its detector; none of another. Errors:
// INVALID_ARGUMENT: the file doesn't fit.
absl::StatusOr<std::vector<std::string>> CheckFits(const WeightsCheck& check, const std::string& preset) {
  const absl::StatusOr<WeightsCheck::Contents> contents = check.Finish();
  if (!contents.ok()) return contents.status();
  const absl::StatusOr<v1::Detector> detector = DetectorOfWeights(preset, contents->metadata);
  if (!detector.ok()) return detector.status();
  absl::StatusOr<std::vector<std::string>> classes = std::vector<std::string>();
  if (preset != kDetectron2Preset) {
    const absl::Status fits = CheckTensors(*detector, contents->tensors);
    return fits.ok() ? classes : fits;
  }
  classes = ReadClassNames(contents->metadata);
  if (!classes.ok()) return classes;
  if (classes->empty()) {
    return absl::InvalidArgumentError(
        "the weights don't know the names of their classes: make the file with loupe-worker convert "
        "--class-names");
  }
  const absl::Status whole =
      CheckWholeDetector(*detector, static_cast<int64_t>(classes->size()), contents->tensors);
  return whole.ok() ? classes : whole;
}

// Whether the project has the classes that the weights know, in any order.
absl::Status CheckClasses(const std::vector<v1::Class>& project, const std::vector<std::string>& weights) {
  std::vector<std::string> names;
  for (const v1::Class& one : project) names.push_back(one.name());
  std::vector<std::string> unknown, missing;
  const auto without = [](const auto& all, const auto& some, std::vector<std::string>& left) {
    std::copy_if(all.begin(), all.end(), std::back_inserter(left), [&](const std::string& name) {
      return std::find(some.begin(), some.end(), name) == some.end();
    });
  };
  without(weights, names, unknown);
  without(names, weights, missing);
  if (unknown.empty() && missing.empty() && names.size() == weights.size()) return absl::OkStatus();
  return BadWeights(absl::StrCat("the weights' classes are ", absl::StrJoin(weights, ", "),
                                 ", the project's are ", absl::StrJoin(names, ", "),
                                 ": they must be the same, in any order"));
}

}  // namespace

absl::Status CheckImportStart(const v1::ImportModelStart& start) {
  const std::string& name = start.name();
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
  if (name.empty() || name.size() > 100 || !plain || IsNumber(name)) {
    return InvalidArgument("name must be 1 to 100 letters, digits, '-', '_' or '.', and not only digits");
  }
  constexpr absl::string_view kTrained = "round-";
  if (absl::StartsWith(name, kTrained) && IsNumber(absl::string_view(name).substr(kTrained.size()))) {
    return InvalidArgument("names like round-3 are given to models that rounds train: choose another name");
  }
  const std::vector<std::string> presets = RecipePresetNames();
  if (std::find(presets.begin(), presets.end(), start.preset()) == presets.end()) {
    return InvalidArgument(absl::StrCat("preset: recipe: detector.preset is \"", start.preset(),
                                        "\", must be one of ", absl::StrJoin(presets, ", ")));
  }
  if (start.size_bytes() == 0 || start.size_bytes() > kMaxWeightsBytes) {
    return InvalidArgument("size_bytes must be from 1 to 4 GiB");
  }
  return absl::OkStatus();
}

absl::StatusOr<TakenWeights> TakeWeights(grpc::ServerReader<v1::ImportModelRequest>& reader,
                                         const BlobStore& blobs, const v1::ImportModelStart& start) {
  const uint64_t size_bytes = start.size_bytes();
  absl::StatusOr<BlobWriter> writer = blobs.NewWriter(size_bytes, size_bytes);
  if (!writer.ok()) return writer.status();
  WeightsCheck check;
  v1::ImportModelRequest request;
  while (reader.Read(&request)) {
    if (request.part_case() != v1::ImportModelRequest::kChunk || request.chunk().size() > kChunkBytes) {
      return BadWeights("after `start` only chunks of at most 1 MiB may come");
    }
    if (request.chunk().size() > size_bytes - writer->size_bytes()) {
      return BadWeights("more bytes came than `start` announced");
    }
    check.Append(request.chunk());
    if (const absl::Status written = writer->Append(request.chunk()); !written.ok()) return written;
  }
  if (writer->size_bytes() != size_bytes) {
    return BadWeights(absl::StrCat("the stream ended after ", writer->size_bytes(), " of ", size_bytes,
                                   " announced bytes"));
  }
  absl::StatusOr<std::vector<std::string>> classes = CheckFits(check, start.preset());
  if (!classes.ok()) return BadWeights(classes.status().message());
  const absl::StatusOr<BlobInfo> blob = writer->Commit();
  if (!blob.ok()) return blob.status();
  return TakenWeights{*blob, *std::move(classes)};
}

RequestKey KeyOfImport(PrincipalId principal, std::string_view method, const v1::ImportModelStart& start,
                       const BlobInfo& weights) {
  v1::Model content;
  content.set_name(absl::StrCat(start.project(), "/", start.name()));
  content.set_preset(start.preset());
  content.set_weights_sha256(ToBytes(weights.hash));
  return KeyOf(principal, method, start.request_id(), content);
}

absl::StatusOr<v1::Model> InsertImportedModel(Transaction& transaction, const v1::ImportModelStart& start,
                                              const TakenWeights& weights) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, start.project());
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  if (FindModel(transaction, *project, start.name()).has_value()) {
    return Error(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
                 absl::StrCat("there is a model \"", start.name(), "\" already: choose another name"));
  }
  const auto classes = ReadClasses(transaction, *project);
  if (!weights.class_names.empty()) {
    if (const absl::Status same = CheckClasses(classes, weights.class_names); !same.ok()) return same;
  }
  NewModel model;
  model.name = start.name();
  model.preset = start.preset();
  model.weights = weights.blob.hash;
  model.weights_bytes = weights.blob.size_bytes;
  model.class_count = static_cast<uint32_t>(classes.size());
  return ReadModel(transaction, InsertModel(transaction, *project, model)).message;
}

}  // namespace loupe
