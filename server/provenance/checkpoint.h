// The text of a checkpoint: lines that are the leaves of a Merkle tree, and a signed statement of its root.
//
//   loupe-checkpoint 2 PROJECT
//   author ID NAME                        name as hexadecimal digits
//   snapshot ID ROUND IMAGES BOXES HASH   ROUND: the round's id
//   model NUMBER ID ROUND PARENT HASH     HASH: of its weights
//   trigger TABLE.NAME TRANSACTIONS       those that last made or enabled it, and made its function
//   image ID SIDE STATE SHA256 REVISIONS HASH TASKS HASH
//                                         STATE: kept or removed; hash of the last revision, as ImageHistory
//                                         has it; hash of what its tasks served
//   ended ID HASH                         of a task of the image before it that was skipped or released: how
//   root HASH                             from here on the statement
//   lines COUNT
//   made TIME
//   key KEY
//   signature SIGNATURE                   of the lines of the statement before it
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/merkle_root.h"
#include "db/lineage/chain_check.h"
#include "server/provenance/checkpoint_key.h"

namespace loupe {

std::string FirstLineOf(ProjectId project);
std::vector<std::string> LinesOf(const ImageHistory& history);

struct CheckpointStatement {
  Sha256 root = {};
  uint64_t lines = 0;
  absl::Time made_at;
};

// Lines with an end each.
std::string SignedText(const CheckpointStatement& statement, const CheckpointKey& key);

// Errors: INVALID_ARGUMENT (NO_CHECKPOINT, FORGED_CHECKPOINT).
absl::StatusOr<CheckpointStatement> ReadStatement(std::string_view text, const CheckpointKey& key);

// Compares the lines of a checkpoint with the history as it is. Records are given first, then images in order
// of id.
class CheckpointComparison {
 public:
  // `more`: the next piece of the lines; nullopt: there are no more.
  explicit CheckpointComparison(std::function<std::optional<std::string>()> more) : more_(std::move(more)) {}

  // Errors: INVALID_ARGUMENT (NO_CHECKPOINT, OTHER_PROJECT).
  absl::Status Begin(ProjectId project);
  // Both add a sentence for each difference to `breaks`.
  void CompareRecords(const ProjectRecords& records, std::vector<std::string>& breaks);
  void CompareImages(const std::vector<ImageHistory>& histories, std::vector<std::string>& breaks);
  // Errors: INVALID_ARGUMENT (FORGED_CHECKPOINT: other lines were signed).
  absl::Status End(const CheckpointStatement& statement, std::vector<std::string>& breaks);

  // That came after the checkpoint.
  uint64_t revisions_since() const { return revisions_since_; }

 private:
  void Advance();
  void CompareImage(const ImageHistory& history, std::vector<std::string>& breaks);
  void CompareEndedTasks(const ImageHistory& history, std::vector<std::string>& breaks);

  std::function<std::optional<std::string>()> more_;
  std::string piece_;
  size_t place_ = 0;
  std::optional<std::string> line_;  // the one that is next; nullopt: there are no more
  MerkleRoot root_;
  uint64_t revisions_since_ = 0;
};

}  // namespace loupe
