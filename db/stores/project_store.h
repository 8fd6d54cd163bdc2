// Projects: their settings, their classes, and counts of their state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/project.pb.h"

namespace loupe {

class Transaction;
struct JobRow;

// Creates a project with its classes and an empty ranking of generation 0. `settings`: all fields but ids and
// times.
// Errors: ALREADY_EXISTS (PROJECT_EXISTS).
absl::StatusOr<ProjectId> InsertProject(Transaction& transaction, const v1::Project& settings);

// Errors: ALREADY_EXISTS (PROJECT_EXISTS).
absl::Status RenameProject(Transaction& transaction, ProjectId project, const std::string& name);

// Errors: NOT_FOUND (NO_SUCH_CLASS), ALREADY_EXISTS (CLASS_EXISTS).
absl::Status RenameClass(Transaction& transaction, ProjectId project, uint32_t label,
                         const std::string& name);

// `expected`: what it has now; null: whatever. Errors: NOT_FOUND (NO_SUCH_CLASS), ABORTED (CLASS_CHANGED),
// ALREADY_EXISTS (KEY_TAKEN), FAILED_PRECONDITION (RETIRED_CLASS: it can't have a key). Requires: a valid
// colour and key. Locks: as AddClass.
absl::Status SetClassDisplay(Transaction& transaction, ProjectId project, uint32_t label,
                             const v1::ClassDisplay& display, const v1::ClassDisplay* expected);

// Sets the shares that the request has. Requires: they are within their ranges.
void SetQualityControl(Transaction& transaction, ProjectId project, const v1::SetQualityControlRequest& set);

// Errors: FAILED_PRECONDITION (HAS_ROUNDS). Requires: LockProject; a valid range.
absl::Status SetIntensityRange(Transaction& transaction, ProjectId project, const v1::IntensityRange& range);

constexpr int kMaxClasses = 1000;  // of a project
// INVALID_ARGUMENT (TOO_MANY_CLASSES).
absl::Status TooManyClasses();

// The class gets the next label. Errors: ALREADY_EXISTS (CLASS_EXISTS), TooManyClasses. Locks: answers of the
// project wait.
absl::Status AddClass(Transaction& transaction, ProjectId project, const std::string& name,
                      PrincipalId added_by);

// Idempotent. Errors: NOT_FOUND (NO_SUCH_CLASS), FAILED_PRECONDITION (LAST_CLASS). Locks: as AddClass.
absl::Status RetireClass(Transaction& transaction, ProjectId project, uint32_t label);

// Nobody finds the project from then on. Its images are still to be removed.
void DeleteProject(Transaction& transaction, ProjectId project);

struct ImageToErase {
  ImageId id;
  Sha256 sha256{};
};

// At most `limit` images of deleted projects that are not removed yet.
std::vector<ImageToErase> ReadImagesToErase(Transaction& transaction, int limit);

// A further version. Returns its number. Requires: LockProject.
uint32_t InsertGuidelines(Transaction& transaction, ProjectId project, const std::string& content,
                          PrincipalId author);

// version 0: the latest. Errors: NOT_FOUND (NO_SUCH_GUIDELINES).
absl::StatusOr<v1::Guidelines> ReadGuidelines(Transaction& transaction, ProjectId project, uint32_t version);

// The project of this name; with an empty name, the only project there is.
// Errors: NOT_FOUND (NO_SUCH_PROJECT: there is none, or the name is empty and there are several; the message
// says which).
absl::StatusOr<ProjectId> FindProject(Transaction& transaction, const std::string& name);

// Requires: the project exists.
v1::Project ReadProject(Transaction& transaction, ProjectId project);

// In order of label, retired ones too.
std::vector<v1::Class> ReadClasses(Transaction& transaction, ProjectId project);

// Label of the class of this name. Errors: NOT_FOUND (NO_SUCH_CLASS).
absl::StatusOr<uint32_t> FindClass(Transaction& transaction, ProjectId project, const std::string& name);

// Classes that the job's model knows or, for TRAIN, that the project had when the snapshot was taken.
std::vector<v1::Class> ReadClassesOfJob(Transaction& transaction, const JobRow& job);

// At most `limit` projects with ids above `after`, in order of id.
std::vector<v1::Project> ListProjects(Transaction& transaction, ProjectId after, int limit);

// Requires: the project exists.
v1::ProjectStatus ReadStatus(Transaction& transaction, ProjectId project);

}  // namespace loupe
