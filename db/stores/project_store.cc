#include "db/stores/project_store.h"

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"
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
  *project.mutable_created_at() = TimestampOf(row["created_at"]);
  for (const std::string& name : TextsOf(row["classes"])) {
    v1::Class& added = *project.add_classes();
    added.set_label(static_cast<uint32_t>(project.classes_size()));
    added.set_name(name);
  }
  return project;
}

uint64_t Count(const pqxx::row& row, const char* column) { return row[column].as<uint64_t>(); }

}  // namespace

absl::Status RenameProject(Transaction& transaction, ProjectId project, const std::string& name) {
  if (!transaction.Exec("RenameProject", project, name).empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists, "PROJECT_EXISTS",
               absl::StrCat("there is a project named ", name, ": choose another name"));
}

absl::Status RenameClass(Transaction& transaction, ProjectId project, uint32_t label,
                         const std::string& name) {
  for (const v1::Class& known : ReadClasses(transaction, project)) {
    if (known.name() != name || known.label() == label) continue;
    return Error(absl::StatusCode::kAlreadyExists, "CLASS_EXISTS",
                 absl::StrCat("class ", known.label(), " is named ", name, " already"));
  }
  if (transaction.Exec("RenameClass", project, label, name).affected_rows() > 0) return absl::OkStatus();
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_CLASS", absl::StrCat("there is no class ", label));
}

absl::StatusOr<ProjectId> InsertProject(Transaction& transaction, const v1::Project& settings) {
  const auto seed = static_cast<int64_t>(settings.seed());
  const pqxx::result rows =
      transaction.Exec("InsertProject", settings.name(), seed, settings.holdout_fraction(),
                       settings.holdout_target(), settings.strategy());
  if (rows.empty()) {
    return Error(absl::StatusCode::kAlreadyExists, "PROJECT_EXISTS",
                 absl::StrCat("there is a project named ", settings.name(), ": choose another name"));
  }
  const auto project = IdOf<ProjectId>(rows[0]["id"]);
  std::vector<std::string> names;
  for (const v1::Class& listed : settings.classes()) names.push_back(listed.name());
  transaction.Exec("InsertClasses", project, names);
  transaction.Exec("InsertFirstRanking", project, seed);
  return project;
}

absl::StatusOr<ProjectId> FindProject(Transaction& transaction, const std::string& name) {
  const pqxx::result rows = transaction.Exec("FindProject", name);
  if (rows.size() == 1) return IdOf<ProjectId>(rows[0]["id"]);
  if (rows.empty()) {
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_PROJECT",
                 name.empty() ? "there is no project yet: create one"
                              : absl::StrCat("there is no project named ", name));
  }
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_PROJECT",
               "there are several projects: say which one with --project");
}

v1::Project ReadProject(Transaction& transaction, ProjectId project) {
  return ProjectOf(transaction.Exec("SelectProjects", project, 1).at(0));
}

std::vector<v1::Class> ReadClasses(Transaction& transaction, ProjectId project) {
  std::vector<v1::Class> classes;
  for (const auto& row : transaction.Exec("SelectClasses", project)) {
    v1::Class& added = classes.emplace_back();
    added.set_label(row["label"].as<uint32_t>());
    added.set_name(row["name"].as<std::string>());
  }
  return classes;
}

std::vector<v1::Project> ListProjects(Transaction& transaction, ProjectId after, int limit) {
  std::vector<v1::Project> projects;
  for (const auto& row : transaction.Exec("SelectProjects", after.value() + 1, limit)) {
    projects.push_back(ProjectOf(row));
  }
  return projects;
}

uint64_t CountPoolImages(Transaction& transaction, ProjectId project) {
  return transaction.Exec("CountPoolImages", project).at(0)[0].as<uint64_t>();
}

v1::ProjectStatus ReadStatus(Transaction& transaction, ProjectId project) {
  v1::ProjectStatus status;
  *status.mutable_project() = ReadProject(transaction, project);
  const pqxx::result images = transaction.Exec("CountImages", project);
  status.set_pool_images(Count(images[0], "pool"));
  status.set_pool_labelled(Count(images[0], "pool_labelled"));
  status.set_holdout_images(Count(images[0], "holdout"));
  status.set_holdout_labelled(Count(images[0], "holdout_labelled"));
  status.set_holdout_is_random_sample(images[0]["random_sample"].as<bool>());
  for (const auto& row : transaction.Exec("CountClasses", project)) {
    v1::ClassCount& count = *status.add_class_counts();
    count.mutable_class_()->set_label(row["label"].as<uint32_t>());
    count.mutable_class_()->set_name(row["name"].as<std::string>());
    count.set_boxes(Count(row, "boxes"));
    count.set_images(Count(row, "images"));
  }
  const pqxx::result activity = transaction.Exec("SelectActivity", project);
  status.set_open_leases(Count(activity[0], "open_leases"));
  status.set_serving_model(activity[0]["serving_model"].as<uint32_t>());
  status.set_latest_round(activity[0]["latest_round"].as<uint32_t>());
  status.set_latest_round_state(activity[0]["latest_round_state"].as<std::string>());
  status.set_queue_length(Count(activity[0], "queue_length"));
  const pqxx::result origins = transaction.Exec("CountOrigins", project);
  status.set_boxes_drawn(Count(origins[0], "drawn"));
  status.set_boxes_accepted(Count(origins[0], "accepted"));
  status.set_boxes_adjusted(Count(origins[0], "adjusted"));
  status.set_boxes_relabelled(Count(origins[0], "relabelled"));
  status.set_boxes_imported(Count(origins[0], "imported"));
  status.set_boxes_rejected(Count(origins[0], "rejected"));
  status.set_boxes_dropped(Count(origins[0], "dropped"));
  const pqxx::result unusable = transaction.Exec("CountUnusable", project);
  status.set_images_set_aside(Count(unusable[0], "set_aside"));
  status.set_images_excluded(Count(unusable[0], "excluded"));
  status.set_images_removed(Count(unusable[0], "removed"));
  return status;
}

}  // namespace loupe
