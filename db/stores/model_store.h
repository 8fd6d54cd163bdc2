// Models: immutable weights, and whether they serve.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/model.pb.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

class Transaction;

struct ModelRow {
  ModelId id;
  RoundId round;     // the round that trained it; none: imported
  ModelId replaced;  // the model that served before it; none: it never served, or was the first to serve
  Sha256 weights{};
  v1::Model message;
};

struct NewModel {
  std::string name;
  std::string preset;
  ModelId parent;
  RoundId round;
  Sha256 weights{};
  uint64_t weights_bytes = 0;
  std::vector<double> class_quality;  // as v1::Model.class_quality
  uint32_t class_count = 0;           // outputs are labels 1 to this
};

// Inserts a candidate and gives it the project's next number. Requires: LockProject, and a name that
// FindModel does not know: a name that is taken ends in ALREADY_EXISTS from Database::Transact.
ModelId InsertModel(Transaction& transaction, ProjectId project, const NewModel& model);

// `name`: a name or a number; empty: the serving model. nullopt: there is none.
std::optional<ModelRow> FindModel(Transaction& transaction, ProjectId project, const std::string& name);

// As FindModel. Errors: NOT_FOUND (NO_SUCH_MODEL).
absl::StatusOr<ModelRow> ReadNamedModel(Transaction& transaction, ProjectId project, const std::string& name);

// Requires: the model exists.
ModelRow ReadModel(Transaction& transaction, ModelId model);

struct NamedWeights {
  std::string name;  // the model's
  Sha256 sha256{};
};

// nullopt: there is no such model.
std::optional<NamedWeights> FindWeights(Transaction& transaction, ModelId model);

// Newest first: those with a number below `below` (0: all), at most `limit`.
std::vector<ModelRow> ListModels(Transaction& transaction, ProjectId project, uint32_t below, uint32_t limit);

// The project's models that learned from labels that are withdrawn by now, themselves or through the weights
// that they began with: number -> how many labels.
std::map<uint32_t, uint64_t> CountWithdrawnLabels(Transaction& transaction, ProjectId project);

// What the model learned from, and its relatives.
v1::ModelProvenance ReadModelProvenance(Transaction& transaction, const ModelRow& model);

// Whether ServeModel records which model was replaced, so that a rollback can return to it. A rollback itself
// keeps what was recorded.
enum class Replaced { kRemember, kKeep };

// Makes a model the serving one and retires the model that served; that is an event. by: none if a round does
// it. Requires: LockProject. Idempotent.
void ServeModel(Transaction& transaction, ProjectId project, ModelId model, Replaced replaced,
                PrincipalId by);

// Marks a candidate that failed its gate as held. Does nothing to a model that serves or served. Idempotent.
void HoldModel(Transaction& transaction, ModelId model);

}  // namespace loupe
