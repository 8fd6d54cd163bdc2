// Models: immutable weights and what became of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/model.pb.h"

namespace loupe {

class Transaction;

struct ModelRow {
  ModelId id;
  RoundId round;     // that trained it; none: imported
  ModelId replaced;  // that served before it; none: it never served, or was the first
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
  std::vector<double> class_quality;  // as in the message
};

// A candidate. Requires: LockProject. Errors: throws on a name that is taken; see FindModel.
ModelId InsertModel(Transaction& transaction, ProjectId project, const NewModel& model);

// By name or number; empty: the serving one. nullopt: there is none.
std::optional<ModelRow> FindModel(Transaction& transaction, ProjectId project, const std::string& name);

// Requires: the model exists.
ModelRow ReadModel(Transaction& transaction, ModelId model);

// Newest first, those below a number (0: all), at most `limit`.
std::vector<ModelRow> ListModels(Transaction& transaction, ProjectId project, uint32_t below, uint32_t limit);

// Whether a promotion remembers which model it replaced, for a rollback to go back to.
enum class Replaced { kRemember, kKeep };

// Makes a model the serving one and retires the one that served. Requires: LockProject. Idempotent.
void ServeModel(Transaction& transaction, ProjectId project, ModelId model, Replaced replaced);

// A candidate that failed its gate. Nothing for a model that serves or served. Idempotent.
void HoldModel(Transaction& transaction, ModelId model);

}  // namespace loupe
