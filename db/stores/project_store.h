// Projects: their settings, their classes, and counts of their state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "loupe/v1/project.pb.h"

namespace loupe {

class Transaction;

// Creates a project with its classes and an empty ranking of generation 0. `settings`: all fields but ids and
// times.
// Errors: ALREADY_EXISTS (PROJECT_EXISTS).
absl::StatusOr<ProjectId> InsertProject(Transaction& transaction, const v1::Project& settings);

// Errors: ALREADY_EXISTS (PROJECT_EXISTS).
absl::Status RenameProject(Transaction& transaction, ProjectId project, const std::string& name);

// Errors: NOT_FOUND (NO_SUCH_CLASS), ALREADY_EXISTS (CLASS_EXISTS).
absl::Status RenameClass(Transaction& transaction, ProjectId project, uint32_t label,
                         const std::string& name);

// The project of this name; with an empty name, the only project there is.
// Errors: NOT_FOUND (NO_SUCH_PROJECT: there is none, or the name is empty and there are several; the message
// says which).
absl::StatusOr<ProjectId> FindProject(Transaction& transaction, const std::string& name);

// Requires: the project exists.
v1::Project ReadProject(Transaction& transaction, ProjectId project);

// In order of label.
std::vector<v1::Class> ReadClasses(Transaction& transaction, ProjectId project);

// At most `limit` projects with ids above `after`, in order of id.
std::vector<v1::Project> ListProjects(Transaction& transaction, ProjectId after, int limit);

uint64_t CountPoolImages(Transaction& transaction, ProjectId project);

// Requires: the project exists.
v1::ProjectStatus ReadStatus(Transaction& transaction, ProjectId project);

}  // namespace loupe
