#include "server/models/model_import.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/detector_tensors.h"
#include "recipe/presets.h"
#include "recipe/recipe.h"
#include "server/blobs/weights_check.h"
#include "server/rpc/blob_chunks.h"

namespace loupe {
namespace {

constexpr uint64_t kMaxWeightsBytes = uint64_t{4} << 30;

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

absl::Status CheckFits(const WeightsCheck& check, const std::string& preset) {
  const absl::StatusOr<std::vector<NamedShape>> tensors = check.Tensors();
  if (!tensors.ok()) return tensors.status();
  const absl::StatusOr<v1::Detector> detector = PresetDetector(preset);
  return detector.ok() ? CheckTensors(*detector, *tensors) : detector.status();
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
  v1::Recipe recipe;
  recipe.mutable_detector()->set_preset(start.preset());
  if (const absl::Status known = Validate(WithDefaults(recipe)); !known.ok()) {
    return InvalidArgument(absl::StrCat("preset: ", known.message()));
  }
  if (start.size_bytes() == 0 || start.size_bytes() > kMaxWeightsBytes) {
    return InvalidArgument("size_bytes must be from 1 to 4 GiB");
  }
  return absl::OkStatus();
}

absl::StatusOr<BlobInfo> TakeWeights(grpc::ServerReader<v1::ImportModelRequest>& reader,
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
  if (const absl::Status fits = CheckFits(check, start.preset()); !fits.ok()) {
    return BadWeights(fits.message());
  }
  return writer->Commit();
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
                                              const BlobInfo& weights) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, start.project());
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  if (FindModel(transaction, *project, start.name()).has_value()) {
    return Error(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
                 absl::StrCat("there is a model \"", start.name(), "\" already: choose another name"));
  }
  NewModel model;
  model.name = start.name();
  model.preset = start.preset();
  model.weights = weights.hash;
  model.weights_bytes = weights.size_bytes;
  model.class_count = static_cast<uint32_t>(ReadClasses(transaction, *project).size());
  return ReadModel(transaction, InsertModel(transaction, *project, model)).message;
}

}  // namespace loupe
