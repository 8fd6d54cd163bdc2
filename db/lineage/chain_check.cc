#include "db/lineage/chain_check.h"

#include <set>
#include <unordered_map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "db/lineage/revision_text.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// What the rows of some images are.
struct HistoryRows {
  pqxx::result revisions;                            // in order of image and number
  std::unordered_map<int64_t, RevisionParts> parts;  // of a revision: its id
  std::unordered_map<int64_t, TaskParts> tasks;      // by id
  // What a task that was answered says of its answer: its id.
  std::unordered_map<int64_t, int64_t> answers;
  // How a task ended that was skipped or released.
  std::unordered_map<int64_t, Sha256> ended_tasks;
  // Ids of an image's tasks, in order.
  std::unordered_map<int64_t, std::vector<int64_t>> tasks_of_image;
};

// What belongs to a revision or task is read by their ids: a join with these in one statement takes a whole
// index.
HistoryRows ReadHistoryRows(Transaction& transaction, const std::vector<ImageId>& images) {
  HistoryRows rows;
  std::vector<int64_t> tasks;
  for (const auto& row : transaction.Exec("SelectHistoryTasks", images)) {
    const int64_t id = tasks.emplace_back(row["id"].as<int64_t>());
    rows.tasks.emplace(id, TaskPartsOf(row));
    const std::string state = row["state"].as<std::string>();
    if (state == "answered") rows.answers[id] = row["revision_id"].as<int64_t>(0);
    if (state == "skipped" || state == "released") {
      rows.ended_tasks[id] = HashOf(absl::StrCat(state, "|", rows.tasks.at(id).ended));
    }
    rows.tasks_of_image[row["image_id"].as<int64_t>()].push_back(id);
  }
  for (const auto& row : transaction.Exec("SelectHistoryShownBoxes", tasks)) {
    rows.tasks.at(row[0].as<int64_t>()).shown_boxes.emplace(row[1].as<int>(), ShownTextOf(row));
  }
  rows.revisions = transaction.Exec("SelectHistoryRevisions", images);
  std::vector<int64_t> revisions;
  for (const auto& row : rows.revisions) revisions.push_back(row["id"].as<int64_t>());
  for (const auto& row : transaction.Exec("SelectHistoryBoxes", revisions)) {
    rows.parts[row[0].as<int64_t>()].boxes.push_back(BoxTextOf(row));
  }
  for (const auto& row : transaction.Exec("SelectHistoryOutcomes", revisions)) {
    rows.parts[row[0].as<int64_t>()].outcomes.emplace_back(row[1].as<int>(), row[2].c_str());
  }
  for (const auto& row : transaction.Exec("SelectHistoryRejections", revisions)) {
    rows.parts[row[0].as<int64_t>()].rejections.push_back(RejectionTextOf(row));
  }
  return rows;
}

// State while the revisions of one image are checked in order.
struct ChainWalk {
  bool older_version = false;  // whether a revision so far is of an older version
  int64_t head = 0;            // the end of the chain; 0: none
  int64_t truth = 0;           // 0: none
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

void EndOfChain(const ImageHistory& history, const ChainWalk& walk, ChainCheck& check) {
  const std::string where = absl::StrCat("image ", history.image.value(), ": ");
  if (walk.head != walk.last_revision) {
    check.breaks.push_back(absl::StrCat(where, "its history ends with revision ", walk.head,
                                        ", and the last there is ", walk.last_revision));
  }
  const int64_t last_truth = walk.truths.empty() ? 0 : *walk.truths.rbegin();
  if (walk.truth != last_truth) {
    check.breaks.push_back(
        absl::StrCat(where, "its truth is revision ", walk.truth, ", and by its history ", last_truth));
  }
}

void CheckRevision(const pqxx::row& row, HistoryRows& rows, ImageHistory& history, ChainWalk& walk,
                   ChainCheck& check) {
  const auto id = row["id"].as<int64_t>();
  const auto number = row["number"].as<uint32_t>();
  const std::string where = absl::StrCat("image ", history.image.value(), " revision ", number, ": ");
  if (number != walk.last_number + 1) {
    check.breaks.push_back(absl::StrCat(where, "follows revision ", walk.last_number));
  }
  const std::string previous = walk.last_number == 0 ? std::string(32, '\0') : walk.last_hash;
  if (BytesOf(row["previous_hash"]) != previous) {
    check.breaks.push_back(absl::StrCat(where, "its hash of the revision before it is wrong"));
  }
  const RevisionParts& parts = rows.parts[id];
  ++check.revisions;
  check.boxes += parts.boxes.size();
  const int64_t task_id = Nullable<int64_t>(row["task_id"]).value_or(0);
  const auto found = rows.tasks.find(task_id);
  const TaskParts* task = found == rows.tasks.end() ? nullptr : &found->second;
  const Sha256 hash = Sha256Of(row["hash"]);
  if (hash != ExpectedHash(row, history.sha256, parts, task)) {
    check.breaks.push_back(absl::StrCat(where, "its content was changed after it was written"));
  }
  if (task_id != 0) {
    const auto answer = rows.answers.find(task_id);
    if (answer == rows.answers.end() || answer->second != id) {
      check.breaks.push_back(absl::StrCat(where, "its task ", task_id, " does not have it as its answer"));
    } else {
      rows.answers.erase(answer);
    }
  }
  walk.last_number = number;
  walk.last_revision = id;
  const std::string standing = row["standing"].as<std::string>();  // it may be any text, once it was changed
  const int64_t based_on = Nullable<int64_t>(row["based_on"]).value_or(0);
  if (standing == "truth") walk.truths.insert(walk.last_revision);
  if (standing == "withdrawn" && !Withdraw(based_on, walk)) {
    check.breaks.push_back(absl::StrCat(where, "withdraws what was not the truth"));
  }
  if (standing == "restored" && !Restore(based_on, walk)) {
    check.breaks.push_back(absl::StrCat(where, "restores what was not withdrawn"));
  }
  walk.last_hash = BytesOf(row["hash"]);
  walk.older_version = walk.older_version || row["hash_version"].as<int>() < 3;
  if (!walk.older_version) {
    history.revisions.push_back(hash);
    return;
  }
  const std::string before = history.revisions.empty() ? "" : ToBytes(history.revisions.back());
  history.revisions.push_back(
      HashOf(absl::StrCat(before, ToBytes(hash), ToBytes(HashOfVersion3(row, history.sha256, parts, task)))));
}

// Requires: the image's revisions are checked.
void CheckTasks(HistoryRows& rows, ImageHistory& history, ChainCheck& check) {
  const auto tasks = rows.tasks_of_image.find(history.image.value());
  if (tasks == rows.tasks_of_image.end()) return;
  for (const int64_t task : tasks->second) {
    history.tasks.push_back(HashOfServed(rows.tasks.at(task)));
    const auto ended = rows.ended_tasks.find(task);
    if (ended != rows.ended_tasks.end()) history.ended_tasks.emplace(task, ended->second);
    if (!rows.answers.contains(task)) continue;
    check.breaks.push_back(absl::StrCat("image ", history.image.value(), ": task ", task,
                                        " says that revision ", rows.answers.at(task),
                                        " is its answer, and that is not so"));
  }
}

}  // namespace

ChainCheck CheckChain(Transaction& transaction, ProjectId project, ImageId after, int limit) {
  ChainCheck check;
  std::vector<ImageId> images;
  std::vector<ChainWalk> walks;
  for (const auto& row : transaction.Exec("SelectHistoryImages", project, after, limit)) {
    images.push_back(IdOf<ImageId>(row["id"]));
    ImageHistory& history = check.histories.emplace_back();
    history.image = images.back();
    history.sha256 = Sha256Of(row["sha256"]);
    history.side = row["side"].as<std::string>();
    history.removed = row["state"].as<std::string>() == "removed";
    ChainWalk& walk = walks.emplace_back();
    walk.head = Nullable<int64_t>(row["head_revision_id"]).value_or(0);
    walk.truth = Nullable<int64_t>(row["truth_revision_id"]).value_or(0);
  }
  if (images.empty()) return check;
  check.last_image = images.back();

  HistoryRows rows = ReadHistoryRows(transaction, images);
  auto row = rows.revisions.begin();
  for (size_t i = 0; i < images.size(); ++i) {
    ImageHistory& history = check.histories[i];
    for (; row != rows.revisions.end() && IdOf<ImageId>(row["image_id"]) == history.image; ++row) {
      CheckRevision(*row, rows, history, walks[i], check);
    }
    EndOfChain(history, walks[i], check);
    CheckTasks(rows, history, check);
    if (!history.revisions.empty()) ++check.images;
  }
  return check;
}

ProjectRecords ReadProjectRecords(Transaction& transaction, ProjectId project) {
  ProjectRecords records;
  for (const auto& row : transaction.Exec("SelectHistoryAuthors")) {
    records.lines.push_back(
        absl::StrCat("author ", row["id"].c_str(), " ", absl::BytesToHexString(row["name"].c_str())));
  }
  for (const auto& row : transaction.Exec("SelectHistorySnapshots", project)) {
    const Sha256 computed = Sha256Of(row["computed"]);
    records.lines.push_back(absl::StrCat("snapshot ", row["id"].c_str(), " ", row["round_id"].c_str(), " ",
                                         row["images"].c_str(), " ", row["boxes"].c_str(), " ",
                                         ToHex(computed)));
    if (row["hash"].is_null() || Sha256Of(row["hash"]) != computed) {
      records.breaks.push_back(absl::StrCat("snapshot ", row["id"].c_str(), " of round ",
                                            row["round_id"].c_str(),
                                            ": what it holds was changed after it was made"));
    }
  }
  for (const auto& row : transaction.Exec("SelectHistoryModels", project)) {
    records.lines.push_back(absl::StrCat("model ", row["number"].c_str(), " ", row["id"].c_str(), " ",
                                         row["round_id"].c_str(), " ", row["parent_id"].c_str(), " ",
                                         ToHex(Sha256Of(row["weights_sha256"]))));
  }
  for (const auto& row : transaction.Exec("SelectHistoryTriggers")) {
    const std::string table = row["table_name"].as<std::string>(), name = row["name"].as<std::string>();
    if (row["made_in"].is_null() || !row["enabled"].as<bool>()) {
      records.breaks.push_back(absl::StrCat("table ", table, ": the trigger ", name,
                                            ", which refuses changes, is ",
                                            row["made_in"].is_null() ? "missing" : "disabled"));
    }
    records.lines.push_back(absl::StrCat("trigger ", table, ".", name, " ",
                                         row["made_in"].is_null() ? "-" : row["made_in"].c_str()));
  }
  return records;
}

}  // namespace loupe
