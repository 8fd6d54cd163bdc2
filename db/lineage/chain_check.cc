#include "db/lineage/chain_check.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// State while the revisions of one image are checked in order.
struct ChainWalk {
  int64_t image = 0;
  int64_t head = 0;   // the end of the chain; 0: none
  int64_t truth = 0;  // 0: none
  int64_t last_revision = 0;
  std::set<int64_t> truths;  // revisions that were written as the truth and stand so far
  std::set<int64_t> withdrawn;
  uint32_t last_number = 0;
  std::string last_hash;
};

// False: it doesn't stand.
bool Withdraw(int64_t revision, ChainWalk& walk) {
  return walk.truths.erase(revision) > 0 && walk.withdrawn.insert(revision).second;
}

// False: it isn't withdrawn.
bool Restore(int64_t revision, ChainWalk& walk) {
  return walk.withdrawn.erase(revision) > 0 && walk.truths.insert(revision).second;
}

void EndOfChain(const ChainWalk& walk, ChainCheck& check) {
  if (walk.head != walk.last_revision) {
    check.breaks.push_back(absl::StrCat("image ", walk.image, ": its history ends with revision ", walk.head,
                                        ", and the last there is ", walk.last_revision));
  }
  const int64_t last_truth = walk.truths.empty() ? 0 : *walk.truths.rbegin();
  if (walk.truth != last_truth) {
    check.breaks.push_back(absl::StrCat("image ", walk.image, ": its truth is revision ", walk.truth,
                                        ", and by its history ", last_truth));
  }
}

void CheckRevision(const pqxx::row& row, ChainWalk& walk, ChainCheck& check) {
  const auto number = row["number"].as<uint32_t>();
  const std::string where = absl::StrCat("image ", walk.image, " revision ", number, ": ");
  ++check.revisions;
  check.boxes += row["boxes"].as<uint64_t>();
  if (number != walk.last_number + 1) {
    check.breaks.push_back(absl::StrCat(where, "follows revision ", walk.last_number));
  }
  const std::string previous = walk.last_number == 0 ? std::string(32, '\0') : walk.last_hash;
  if (BytesOf(row["previous_hash"]) != previous) {
    check.breaks.push_back(absl::StrCat(where, "its hash of the revision before it is wrong"));
  }
  if (BytesOf(row["hash"]) != BytesOf(row["computed"])) {
    check.breaks.push_back(absl::StrCat(where, "its content was changed after it was written"));
  }
  walk.last_number = number;
  walk.last_revision = row["revision_id"].as<int64_t>();
  const v1::Standing standing = StandingOf(row["standing"]);
  if (standing == v1::STANDING_TRUTH) walk.truths.insert(walk.last_revision);
  if (standing == v1::STANDING_WITHDRAWN && !Withdraw(row["based_on"].as<int64_t>(), walk)) {
    check.breaks.push_back(absl::StrCat(where, "withdraws what was not the truth"));
  }
  if (standing == v1::STANDING_RESTORED && !Restore(row["based_on"].as<int64_t>(), walk)) {
    check.breaks.push_back(absl::StrCat(where, "restores what was not withdrawn"));
  }
  walk.last_hash = BytesOf(row["hash"]);
}

}  // namespace

ChainCheck CheckChain(Transaction& transaction, ProjectId project, ImageId after, int limit) {
  ChainCheck check;
  ChainWalk walk;
  for (const auto& row : transaction.Exec("RecomputeHashes", project, after, limit)) {
    const auto image = row["id"].as<int64_t>();
    if (image != walk.image) {
      EndOfChain(walk, check);
      walk = ChainWalk();
      walk.image = image;
      walk.head = Nullable<int64_t>(row["head_revision_id"]).value_or(0);
      walk.truth = Nullable<int64_t>(row["truth_revision_id"]).value_or(0);
      if (!row["revision_id"].is_null()) ++check.images;
    }
    if (!row["revision_id"].is_null()) CheckRevision(row, walk, check);
    check.last_image = ImageId(image);
  }
  EndOfChain(walk, check);
  return check;
}

}  // namespace loupe
