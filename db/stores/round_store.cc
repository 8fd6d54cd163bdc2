#include "db/stores/round_store.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "db/rows/message_row.h"
#include "db/stores/job_store.h"
#include "db/transaction.h"

namespace loupe {
namespace {

constexpr std::array<const char*, 9> kRoundStateNames = {
    "waiting", "training", "evaluating", "predicting", "ranking", "checking", "done", "failed", "cancelled"};

RoundState StateOf(const pqxx::field& field) {
  const std::string name = field.as<std::string>();
  for (size_t i = 0; i < kRoundStateNames.size(); ++i) {
    if (name == kRoundStateNames[i]) return static_cast<RoundState>(i);
  }
  throw pqxx::conversion_error("unknown round state " + name);
}

// Adds the seconds that each step took. began: per step, NULL if it wasn't reached. The last step lasts until
// `end`.
void AddSteps(const std::array<pqxx::field, 6>& began, absl::Time end, v1::Round& round) {
  for (size_t i = 0; i < began.size(); ++i) {
    if (began[i].is_null()) continue;
    absl::Time until = end;
    for (size_t next = began.size() - 1; next > i; --next) {
      if (!began[next].is_null()) until = TimeOf(began[next]);
    }
    v1::StepTime* step = round.add_steps();
    step->set_step(kRoundStateNames[i]);
    // Below 0 if the clock was turned back meanwhile.
    step->set_seconds(std::max(absl::ToDoubleSeconds(until - TimeOf(began[i])), 0.0));
  }
}

RoundRow RoundRowOf(const pqxx::row& row) {
  RoundRow round;
  round.id = IdOf<RoundId>(row[0]);
  round.project = IdOf<ProjectId>(row[1]);
  round.state = StateOf(row[3]);
  round.recipe = row[4].as<std::string>();
  round.model = IdOf<ModelId>(row[8]);
  round.version = row[12].as<int64_t>();
  round.snapshot = IdOf<SnapshotId>(row[20]);
  round.submitted_by = IdOf<PrincipalId>(row[23]);
  v1::Round& message = round.message;
  message.set_id(round.id.value());
  message.set_number(row[2].as<uint32_t>());
  message.set_state(RoundStateName(round.state));
  message.set_snapshot_images(row[5].as<uint64_t>());
  message.set_snapshot_boxes(row[6].as<uint64_t>());
  message.set_model(row[7].as<uint32_t>());
  if (!row[9].is_null()) ParseMessage(row[9], *message.mutable_evaluation());
  if (!row[10].is_null()) ParseMessage(row[10], *message.mutable_gate());
  if (!row[21].is_null()) ParseMessage(row[21], *message.mutable_pseudo_labels());
  message.set_error(row[11].as<std::string>());
  *message.mutable_created_at() = TimestampOf(row[13]);
  if (!row[18].is_null()) *message.mutable_ended_at() = TimestampOf(row[18]);
  AddSteps({row[13], row[14], row[15], row[16], row[17], row[22]},
           TimeOf(row[18].is_null() ? row[19] : row[18]), message);
  return round;
}

OpenRound OpenRoundOf(const pqxx::row& row) {
  return {IdOf<RoundId>(row[0]), IdOf<ProjectId>(row[1]), row[2].as<uint32_t>(), StateOf(row[3])};
}

void AddBoxes(Transaction& transaction, SnapshotId snapshot,
              const std::unordered_map<int64_t, v1::SnapshotItem*>& items) {
  std::vector<int64_t> revisions;
  revisions.reserve(items.size());
  for (const auto& [revision, item] : items) revisions.push_back(revision);
  for (const auto& row : transaction.Exec("SelectBoxesOfRevisions", snapshot, revisions)) {
    v1::LabelBox* box = items.at(row[0].as<int64_t>())->add_boxes();
    box->set_box_id(row[1].as<int64_t>());
    box->set_label(row[2].as<uint32_t>());
    box->mutable_box()->set_x1(row[3].as<float>());
    box->mutable_box()->set_y1(row[4].as<float>());
    box->mutable_box()->set_x2(row[5].as<float>());
    box->mutable_box()->set_y2(row[6].as<float>());
    box->set_origin(OriginOf(row[7]));
    box->set_ignore(row[8].as<bool>());
  }
}

// corners: four per region.
void AddIgnored(const std::vector<float>& corners, v1::SnapshotItem& item) {
  for (size_t i = 0; i + 3 < corners.size(); i += 4) {
    v1::LabelBox& region = *item.add_boxes();
    region.set_ignore(true);
    region.mutable_box()->set_x1(corners[i]);
    region.mutable_box()->set_y1(corners[i + 1]);
    region.mutable_box()->set_x2(corners[i + 2]);
    region.mutable_box()->set_y2(corners[i + 3]);
  }
}

}  // namespace

const char* RoundStateName(RoundState state) { return kRoundStateNames[static_cast<size_t>(state)]; }

void LockProject(Transaction& transaction, ProjectId project) {
  transaction.Exec("LockProjectNumbers", project);
}

Snapshot FreezeSnapshot(Transaction& transaction, ProjectId project, double ignored_from) {
  const auto id = IdOf<SnapshotId>(transaction.Exec("FreezeSnapshot", project).at(0)[0]);
  transaction.Exec("CountSnapshot", id);
  const pqxx::row counts = transaction.Exec("CloseSnapshot", id).at(0);
  transaction.Exec("IgnoreUnknownClasses", id, ignored_from);
  return {id, counts[0].as<uint64_t>(), counts[1].as<uint64_t>()};
}

v1::RoundPlan CountForRound(Transaction& transaction, ProjectId project) {
  const pqxx::row row = transaction.Exec("CountForRound", project).at(0);
  v1::RoundPlan plan;
  plan.set_snapshot_images(row["snapshot_images"].as<uint64_t>());
  plan.set_snapshot_boxes(row["snapshot_boxes"].as<uint64_t>());
  plan.set_evaluated_images(row["evaluated_images"].as<uint64_t>());
  plan.set_predicted_images(row["predicted_images"].as<uint64_t>());
  plan.set_rounds_before(row["rounds_before"].as<uint32_t>());
  plan.set_workers(row["workers"].as<uint32_t>());
  return plan;
}

uint32_t InsertRound(Transaction& transaction, ProjectId project, const std::string& recipe,
                     SnapshotId snapshot, PrincipalId submitted_by) {
  const pqxx::row row = transaction.Exec("InsertRound", project, recipe, snapshot, submitted_by).at(0);
  AddRoundLine(transaction, IdOf<RoundId>(row["id"]), "step", RoundStateName(RoundState::kWaiting));
  return row["number"].as<uint32_t>();
}

std::optional<RoundRow> FindRound(Transaction& transaction, ProjectId project, uint32_t number) {
  const pqxx::result rows = transaction.Exec("SelectRounds", project, number, 0, 1);
  if (rows.empty()) return std::nullopt;
  return RoundRowOf(rows[0]);
}

std::map<RoundId, int64_t> ReadRoundVersions(Transaction& transaction, const std::vector<RoundId>& rounds) {
  std::map<RoundId, int64_t> versions;
  for (const auto& row : transaction.Exec("SelectRoundVersions", rounds)) {
    versions[IdOf<RoundId>(row["id"])] = row["version"].as<int64_t>();
  }
  return versions;
}

std::vector<RoundRow> ListRounds(Transaction& transaction, ProjectId project, uint32_t below,
                                 uint32_t limit) {
  std::vector<RoundRow> rounds;
  for (const auto& row : transaction.Exec("SelectRounds", project, 0, below, limit))
    rounds.push_back(RoundRowOf(row));
  return rounds;
}

RoundState LockRound(Transaction& transaction, RoundId round) {
  return StateOf(transaction.Exec("LockRound", round).at(0)[0]);
}

std::optional<std::pair<RoundId, RoundState>> LockRoundOfJob(Transaction& transaction, JobId job) {
  const pqxx::result rows = transaction.Exec("LockRoundOfJob", job);
  if (rows.empty()) return std::nullopt;
  return std::pair(IdOf<RoundId>(rows[0][0]), StateOf(rows[0][1]));
}

bool TryLockRound(Transaction& transaction, RoundId round, RoundState state) {
  return !transaction.Exec("TryLockRound", round, RoundStateName(state)).empty();
}

std::vector<OpenRound> ListOpenRounds(Transaction& transaction) {
  std::vector<OpenRound> rounds;
  for (const auto& row : transaction.Exec("SelectOpenRounds")) rounds.push_back(OpenRoundOf(row));
  return rounds;
}

void SetRoundState(Transaction& transaction, RoundId round, RoundState state) {
  const pqxx::result rows = transaction.Exec("SetRoundState", round, RoundStateName(state));
  if (rows.at(0)["is_new"].as<bool>()) AddRoundLine(transaction, round, "step", RoundStateName(state));
  if (HasEnded(state)) CancelJobs(transaction, round);
}

void FailRound(Transaction& transaction, RoundId round, std::string_view error) {
  if (transaction.Exec("FailRound", round, error).affected_rows() > 0) {
    AddRoundLine(transaction, round, "step", "failed: " + std::string(error));
  }
  CancelJobs(transaction, round);
}

void AddRoundLine(Transaction& transaction, RoundId round, const char* kind, std::string_view text) {
  transaction.Exec("AddRoundLine", round, kind, text);
}

void AddJobLine(Transaction& transaction, JobId job, const char* kind, std::string_view text) {
  transaction.Exec("AddJobLine", job, kind, text);
}

std::vector<v1::RoundLine> ReadRoundLines(Transaction& transaction, RoundId round) {
  std::vector<v1::RoundLine> lines;
  for (const auto& row : transaction.Exec("SelectRoundLines", round)) {
    v1::RoundLine& line = lines.emplace_back();
    line.set_id(row["id"].as<int64_t>());
    *line.mutable_at() = TimestampOf(row["created_at"]);
    line.set_kind(row["kind"].as<std::string>());
    line.set_text(row["text"].as<std::string>());
  }
  return lines;
}

void TouchRound(Transaction& transaction, RoundId round) { transaction.Exec("TouchRound", round); }

void SetRoundModel(Transaction& transaction, RoundId round, ModelId model) {
  transaction.Exec("SetRoundModel", round, model);
}

std::vector<v1::SnapshotItem> ReadSnapshotItems(Transaction& transaction, SnapshotId snapshot, ImageId after,
                                                int limit) {
  const pqxx::result rows = transaction.Exec("SelectSnapshotItems", snapshot, after, limit);
  std::vector<v1::SnapshotItem> items(rows.size());
  std::unordered_map<int64_t, v1::SnapshotItem*> by_revision;
  for (size_t i = 0; i < items.size(); ++i) {
    const pqxx::row row = rows[static_cast<pqxx::result::size_type>(i)];
    *items[i].mutable_image() = ImageOf(row, v1::POOL);
    by_revision.emplace(row["revision_id"].as<int64_t>(), &items[i]);
    AddIgnored(FloatsOf(row["ignored"]), items[i]);
  }
  AddBoxes(transaction, snapshot, by_revision);
  return items;
}

AnnotationTime TimeOfSnapshot(Transaction& transaction, SnapshotId snapshot) {
  const auto row = transaction.Exec("SelectSnapshotTime", snapshot).at(0);
  return {row[0].as<double>(), row[1].as<uint64_t>()};
}

}  // namespace loupe
