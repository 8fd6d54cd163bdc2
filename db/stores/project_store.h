// Projects: classes, the split's seed, and where they stand.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "loupe/v1/project.pb.h"

namespace loupe {

class Transaction;

// Makes a project with its classes and an empty ranking of generation 0. `settings`: all but ids and times.
// Errors: ALREADY_EXISTS (PROJECT_EXISTS).
absl::StatusOr<ProjectId> InsertProject(Transaction& transaction, const v1::Project& settings);

// By name; empty: the only project. Errors: NOT_FOUND (NO_SUCH_PROJECT: the message says which of the two it
// is).
absl::StatusOr<ProjectId> FindProject(Transaction& transaction, const std::string& name);

// Requires: the project exists.
v1::Project ReadProject(Transaction& transaction, ProjectId project);

// With ids above `after`, in order, at most `limit`.
std::vector<v1::Project> ListProjects(Transaction& transaction, ProjectId after, int limit);

uint64_t CountPoolImages(Transaction& transaction, ProjectId project);

// Requires: the project exists.
v1::ProjectStatus ReadStatus(Transaction& transaction, ProjectId project);

}  // namespace loupe
