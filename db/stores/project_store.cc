#include "db/stores/project_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "db/rows/message_row.h"
#include "db/search/image_counts.h"
#include "db/stores/job_store.h"
#include "db/transaction.h"
#include "proto/class_index.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

v1::Project ProjectOf(const pqxx::row& row) {
  v1::Project project;
  project.set_id(row["id"].as<int64_t>());
  project.set_name(row["name"].as<std::string>());
  // SQL has no unsigned 64-bit type: the column holds the same bits as a signed number.
  project.set_seed(static_cast<uint64_t>(row["seed"].as<int64_t>()));
  project.set_holdout_fraction(row["holdout_fraction"].as<double>());
  project.set_holdout_target(row["holdout_target"].as<uint32_t>());
  project.set_strategy(row["strategy"].as<std::string>());
  project.mutable_intensity_range()->set_low(row["intensity_low"].as<uint32_t>());
  project.mutable_intensity_range()->set_high(row["intensity_high"].as<uint32_t>());
  project.set_overlap_share(row["overlap_share"].as<double>());
  project.set_planted_share(row["planted_share"].as<double>());
  project.set_pause_on_alarm(row["pause_on_alarm"].as<bool>());
  project.set_reveal_planted(row["reveal_planted"].as<bool>());
  project.set_guidelines_version(row["guidelines_version"].as<uint32_t>());
  *project.mutable_created_at() = TimestampOf(row["created_at"]);
  const std::vector<std::string> names = TextsOf(row["classes"]);
  const std::vector<std::string> colors = TextsOf(row["colors"]);
  const std::vector<std::string> keys = TextsOf(row["keys"]);
  for (size_t i = 0; i < names.size(); ++i) {
    v1::Class& added = *project.add_classes();
    added.set_label(LabelOf(i));
    added.set_name(names[i]);
    if (!colors[i].empty()) added.mutable_display()->set_color(colors[i]);
    if (!keys[i].empty()) added.mutable_display()->set_key(keys[i]);
  }
  for (const int64_t label : IntegersOf(row["retired"])) {
    project.mutable_classes(static_cast<int>(ClassIndexOf(static_cast<uint32_t>(label))))->set_retired(true);
  }
  return project;
}

uint64_t Count(const pqxx::row& row, const char* column) { return row[column].as<uint64_t>(); }

std::vector<v1::Class> ClassesOf(const pqxx::result& rows) {
  std::vector<v1::Class> classes;
  for (const auto& row : rows) {
    v1::Class& added = classes.emplace_back();
    added.set_label(row["label"].as<uint32_t>());
    added.set_name(row["name"].as<std::string>());
    added.set_retired(row["retired"].as<bool>());
    if (const auto key = row["key"].as<std::string>(); !key.empty()) added.mutable_display()->set_key(key);
  }
  return classes;
}

// label: of the class that is to have the name; 0: a new one.
absl::Status CheckNewName(Transaction& transaction, ProjectId project, uint32_t label,
                          const std::string& name) {
  for (const v1::Class& known : ReadClasses(transaction, project)) {
    if (known.name() != name || known.label() == label) continue;
    return Error(absl::StatusCode::kAlreadyExists, "CLASS_EXISTS",
                 absl::StrCat("class ", known.label(), " is named ", name, " already",
                              known.retired() ? "; it is retired: rename it to free the name" : ""));
  }
  return absl::OkStatus();
}

absl::Status NoSuchClass(uint32_t label) {
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_CLASS", absl::StrCat("there is no class ", label));
}

}  // namespace

absl::Status RenameProject(Transaction& transaction, ProjectId project, const std::string& name) {
  if (!transaction.Exec("RenameProject", project, name).empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists, "PROJECT_EXISTS",
               absl::StrCat("there is a project named ", name, ": choose another name"));
}

absl::Status RenameClass(Transaction& transaction, ProjectId project, uint32_t label,
                         const std::string& name) {
  if (absl::Status free = CheckNewName(transaction, project, label, name); !free.ok()) return free;
  if (transaction.Exec("RenameClass", project, label, name).affected_rows() > 0) return absl::OkStatus();
  return NoSuchClass(label);
}

absl::Status SetClassDisplay(Transaction& transaction, ProjectId project, uint32_t label,
                             const v1::ClassDisplay& display, const v1::ClassDisplay* expected) {
  transaction.Exec("LockClasses", project);
  const v1::Project now = ReadProject(transaction, project);
  const auto& classes = now.classes();
  if (label < 1 || label > static_cast<uint32_t>(classes.size())) return NoSuchClass(label);
  const v1::Class& changed = classes[static_cast<int>(ClassIndexOf(label))];
  if (expected != nullptr &&
      (expected->color() != changed.display().color() || expected->key() != changed.display().key())) {
    return Error(absl::StatusCode::kAborted, "CLASS_CHANGED",
                 absl::StrCat("somebody changed the colour or the key of ", changed.name(),
                              " meanwhile: nothing was changed. Look at it and choose again"));
  }
  if (!display.key().empty() && changed.retired()) {
    return Error(absl::StatusCode::kFailedPrecondition, "RETIRED_CLASS",
                 absl::StrCat("class ", label, " is retired: nobody chooses it, so it can't have a key"));
  }
  for (const v1::Class& known : classes) {
    if (display.key().empty() || known.display().key() != display.key() || known.label() == label) continue;
    return Error(absl::StatusCode::kAlreadyExists, "KEY_TAKEN",
                 absl::StrCat("the class ", known.name(), " has the key ", display.key(), " already"));
  }
  transaction.Exec("SetClassDisplay", project, label, display.color(), display.key());
  return absl::OkStatus();
}

void SetQualityControl(Transaction& transaction, ProjectId project, const v1::SetQualityControlRequest& set) {
  const auto given = [](bool has, auto value) { return has ? std::optional(value) : std::nullopt; };
  transaction.Exec("SetQualityControl", project, given(set.has_overlap_share(), set.overlap_share()),
                   given(set.has_planted_share(), set.planted_share()),
                   given(set.has_pause_on_alarm(), set.pause_on_alarm()),
                   given(set.has_reveal_planted(), set.reveal_planted()));
}

absl::Status SetIntensityRange(Transaction& transaction, ProjectId project, const v1::IntensityRange& range) {
  const auto changed = transaction.Exec("SetIntensityRange", project, range.low(), range.high());
  if (changed.affected_rows() > 0) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "HAS_ROUNDS",
               "models were trained with the intensity range: make another project to change it");
}

absl::Status TooManyClasses() {
  return Error(absl::StatusCode::kInvalidArgument, "TOO_MANY_CLASSES",
               absl::StrCat("a project has at most ", kMaxClasses, " classes, retired ones included"));
}

absl::Status AddClass(Transaction& transaction, ProjectId project, const std::string& name,
                      PrincipalId added_by) {
  transaction.Exec("LockClasses", project);
  if (absl::Status free = CheckNewName(transaction, project, 0, name); !free.ok()) return free;
  if (ReadClasses(transaction, project).size() >= size_t{kMaxClasses}) return TooManyClasses();
  transaction.Exec("AddClass", project, name, added_by);
  return absl::OkStatus();
}

absl::Status RetireClass(Transaction& transaction, ProjectId project, uint32_t label) {
  transaction.Exec("LockClasses", project);
  const std::vector<v1::Class> classes = ReadClasses(transaction, project);
  if (label < 1 || label > classes.size()) return NoSuchClass(label);
  const bool other = std::any_of(classes.begin(), classes.end(), [&](const v1::Class& known) {
    return known.label() != label && !known.retired();
  });
  if (!other) {
    return Error(absl::StatusCode::kFailedPrecondition, "LAST_CLASS",
                 absl::StrCat("no class but ", classes[ClassIndexOf(label)].name(),
                              " is in use: add one before you retire it"));
  }
  transaction.Exec("RetireClass", project, label);
  return absl::OkStatus();
}

void DeleteProject(Transaction& transaction, ProjectId project) {
  transaction.Exec("DeleteProject", project);
}

std::vector<ImageToErase> ReadImagesToErase(Transaction& transaction, int limit) {
  std::vector<ImageToErase> images;
  for (const auto& row : transaction.Exec("SelectImagesToErase", limit)) {
    images.push_back({IdOf<ImageId>(row["id"]), *FromBytes(BytesOf(row["sha256"]))});
  }
  return images;
}

absl::StatusOr<ProjectId> InsertProject(Transaction& transaction, const v1::Project& settings) {
  const auto seed = static_cast<int64_t>(settings.seed());
  const pqxx::result rows = transaction.Exec(
      "InsertProject", settings.name(), seed, settings.holdout_fraction(), settings.holdout_target(),
      settings.strategy(), settings.intensity_range().low(), settings.intensity_range().high());
  if (rows.empty()) {
    return Error(absl::StatusCode::kAlreadyExists, "PROJECT_EXISTS",
                 absl::StrCat("there is a project named ", settings.name(), ": choose another name"));
  }
  const auto project = IdOf<ProjectId>(rows[0]["id"]);
  std::vector<std::string> names, colors, keys;
  for (const v1::Class& listed : settings.classes()) {
    names.push_back(listed.name());
    colors.push_back(listed.display().color());
    keys.push_back(listed.display().key());
  }
  transaction.Exec("InsertClasses", project, names, colors, keys);
  transaction.Exec("InsertFirstRanking", project, seed);
  return project;
}

uint32_t InsertGuidelines(Transaction& transaction, ProjectId project, const std::string& content,
                          PrincipalId author) {
  return transaction.Exec("InsertGuidelines", project, content, author).at(0)["version"].as<uint32_t>();
}

absl::StatusOr<v1::Guidelines> ReadGuidelines(Transaction& transaction, ProjectId project, uint32_t version) {
  const pqxx::result rows = transaction.Exec("SelectGuidelines", project, version);
  if (rows.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_GUIDELINES",
                 version == 0 ? "the project has no guidelines yet"
                              : absl::StrCat("there is no version ", version, " of the guidelines"));
  }
  const pqxx::row row = rows[0];
  v1::Guidelines guidelines;
  guidelines.set_version(row["version"].as<uint32_t>());
  guidelines.set_content(row["content"].as<std::string>());
  guidelines.set_author(row["author"].as<std::string>());
  *guidelines.mutable_created_at() = TimestampOf(row["created_at"]);
  return guidelines;
}

absl::StatusOr<ProjectId> FindProject(Transaction& transaction, const std::string& name) {
  const pqxx::result rows = transaction.Exec("FindProject", name);
  if (rows.size() == 1) return IdOf<ProjectId>(rows[0]["id"]);
  if (rows.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_PROJECT",
                 name.empty() ? "there is no project yet: create one"
                              : absl::StrCat("there is no project named ", name));
  }
  constexpr pqxx::result::size_type kNamed = 10;
  std::vector<std::string> names;
  for (const auto& row : rows) {
    if (names.size() < kNamed) names.push_back(row["name"].as<std::string>());
  }
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_PROJECT",
               absl::StrCat("there are several projects (", absl::StrJoin(names, ", "),
                            rows.size() > kNamed ? ", ..." : "", "): say which project"));
}

v1::Project ReadProject(Transaction& transaction, ProjectId project) {
  return ProjectOf(transaction.Exec("SelectProjects", project, 1).at(0));
}

std::vector<v1::Class> ReadClasses(Transaction& transaction, ProjectId project) {
  return ClassesOf(transaction.Exec("SelectClasses", project));
}

absl::StatusOr<uint32_t> FindClass(Transaction& transaction, ProjectId project, const std::string& name) {
  for (const v1::Class& one : ReadClasses(transaction, project)) {
    if (one.name() == name) return one.label();
  }
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_CLASS",
               absl::StrCat("the project has no class \"", name, "\": `loupe class list` tells its classes"));
}

std::vector<v1::Class> ReadClassesOfJob(Transaction& transaction, const JobRow& job) {
  return ClassesOf(transaction.Exec("SelectClassesOfJob", job.project, job.model, job.snapshot));
}

std::vector<v1::Project> ListProjects(Transaction& transaction, ProjectId after, int limit) {
  std::vector<v1::Project> projects;
  for (const auto& row : transaction.Exec("SelectProjects", after.value() + 1, limit)) {
    projects.push_back(ProjectOf(row));
  }
  return projects;
}

v1::ProjectStatus ReadStatus(Transaction& transaction, ProjectId project) {
  v1::ProjectStatus status;
  *status.mutable_project() = ReadProject(transaction, project);
  const ImageCounts counts(transaction, project);
  status.set_pool_images(counts.ImagesOf(v1::POOL));
  status.set_pool_labelled(counts.LabelledOf(v1::POOL));
  status.set_holdout_images(counts.ImagesOf(v1::HOLDOUT));
  status.set_holdout_labelled(counts.BlindOf(v1::HOLDOUT));
  status.set_holdout_not_blind(counts.LabelledOf(v1::HOLDOUT) - counts.BlindOf(v1::HOLDOUT));
  status.set_images(status.pool_images() + status.holdout_images());
  status.set_labelled(status.pool_labelled() + status.holdout_labelled() + status.holdout_not_blind());
  status.set_holdout_is_random_sample(
      status.holdout_labelled() > 0 &&
      transaction.Exec("CountBlindBeforeUnlabelled", project)[0][0].as<uint64_t>() ==
          status.holdout_labelled());
  for (v1::Class& one : ReadClasses(transaction, project)) {
    v1::ClassCount& count = *status.add_class_counts();
    count.set_boxes(counts.BoxesOf(one.label()));
    count.set_images(counts.ImagesShowing(one.label()));
    count.set_images_to_look_at(counts.ToLookAtFor(one.label()));
    *count.mutable_class_() = std::move(one);
  }
  const pqxx::result activity = transaction.Exec("SelectActivity", project);
  status.set_open_leases(Count(activity[0], "open_leases"));
  status.set_serving_model(activity[0]["serving_model"].as<uint32_t>());
  status.set_latest_round(activity[0]["latest_round"].as<uint32_t>());
  status.set_latest_round_state(activity[0]["latest_round_state"].as<std::string>());
  status.set_queue_length(Count(activity[0], "queue_length"));
  status.set_answers_beside_truth(Count(activity[0], "answers_beside_truth"));
  status.set_boxes_drawn(counts.BoxesOfOrigin("drawn"));
  status.set_boxes_accepted(counts.BoxesOfOrigin("accepted"));
  status.set_boxes_adjusted(counts.BoxesOfOrigin("adjusted"));
  status.set_boxes_relabelled(counts.BoxesOfOrigin("relabelled"));
  status.set_boxes_copied(counts.BoxesOfOrigin("copied"));
  status.set_boxes_imported(counts.BoxesOfOrigin("imported"));
  status.set_boxes_rejected(counts.BoxesOfOutcome("rejected"));
  status.set_boxes_dropped(counts.BoxesOfOutcome("dropped"));
  status.set_images_set_aside(counts.UnusableOf("set_aside"));
  status.set_images_excluded(counts.UnusableOf("excluded"));
  status.set_images_removed(counts.UnusableOf("removed"));
  return status;
}

}  // namespace loupe
