#include "server/projects/project_service.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "recipe/strategies.h"
#include "server/ranking/uncertainty.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

constexpr double kDefaultHoldoutFraction = 0.15;
constexpr double kMaxHoldoutFraction = 0.9;
constexpr uint64_t kDefaultSeed = 1;
constexpr uint32_t kDefaultHoldoutTarget = 200;

absl::Status CheckClassName(const std::string& name) {
  if (!name.empty() && CharacterCount(name) <= 100) return absl::OkStatus();
  return InvalidArgument("the name of a class must have 1 to 100 characters");
}

absl::Status CheckClasses(const google::protobuf::RepeatedPtrField<std::string>& classes) {
  if (classes.empty()) return InvalidArgument("a project needs at least one class");
  std::set<std::string> seen;
  for (const std::string& name : classes) {
    if (absl::Status named = CheckClassName(name); !named.ok()) return named;
    if (!seen.insert(name).second)
      return InvalidArgument(absl::StrCat("the class ", name, " is listed twice"));
  }
  return absl::OkStatus();
}

// The requested settings, with every default filled in.
absl::StatusOr<v1::Project> SettingsOf(const v1::CreateProjectRequest& request) {
  if (const absl::Status named = CheckIdentifier("the name of a project", request.name()); !named.ok())
    return named;
  if (const absl::Status listed = CheckClasses(request.classes()); !listed.ok()) return listed;
  v1::Project settings;
  settings.set_name(request.name());
  for (const std::string& name : request.classes()) settings.add_classes()->set_name(name);
  settings.set_holdout_fraction(request.has_holdout_fraction() ? request.holdout_fraction()
                                                               : kDefaultHoldoutFraction);
  if (!(settings.holdout_fraction() >= 0 && settings.holdout_fraction() <= kMaxHoldoutFraction)) {
    return InvalidArgument(absl::StrCat("holdout_fraction must be within 0 and ", kMaxHoldoutFraction));
  }
  settings.set_seed(request.has_seed() ? request.seed() : kDefaultSeed);
  settings.set_strategy(request.strategy().empty() ? kCombinedName : request.strategy());
  if (const auto known = ranking::ParseStrategy(settings.strategy()); !known.ok()) {
    return InvalidArgument(std::string(known.status().message()));
  }
  settings.set_holdout_target(request.has_holdout_target() ? request.holdout_target()
                                                           : kDefaultHoldoutTarget);
  if (settings.holdout_target() > 1'000'000'000)
    return InvalidArgument("holdout_target must be at most 1,000,000,000");
  return settings;
}

}  // namespace

grpc::Status ProjectServiceImpl::CreateProject(grpc::ServerContext* context,
                                               const v1::CreateProjectRequest* request,
                                               v1::Project* response) {
  constexpr char kMethod[] = "ProjectService.CreateProject";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::Project> {
        const absl::StatusOr<v1::Project> settings = SettingsOf(*request);
        if (!settings.ok()) return settings.status();
        const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
        return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
          return WithRequestId<v1::Project>(transaction, key, [&]() -> absl::StatusOr<v1::Project> {
            const absl::StatusOr<ProjectId> project = InsertProject(transaction, *settings);
            if (!project.ok()) return project.status();
            return ReadProject(transaction, *project);
          });
        });
      });
}

grpc::Status ProjectServiceImpl::RenameProject(grpc::ServerContext* context,
                                               const v1::RenameProjectRequest* request,
                                               v1::Project* response) {
  constexpr char kMethod[] = "ProjectService.RenameProject";
  using Response = absl::StatusOr<v1::Project>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (absl::Status named = CheckIdentifier("the name of a project", request->name()); !named.ok())
      return named;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Project>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        if (absl::Status renamed = loupe::RenameProject(transaction, *project, request->name());
            !renamed.ok()) {
          return renamed;
        }
        return ReadProject(transaction, *project);
      });
    });
  });
}

grpc::Status ProjectServiceImpl::RenameClass(grpc::ServerContext* context,
                                             const v1::RenameClassRequest* request, v1::Project* response) {
  constexpr char kMethod[] = "ProjectService.RenameClass";
  using Response = absl::StatusOr<v1::Project>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (absl::Status named = CheckClassName(request->name()); !named.ok()) return named;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Project>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        absl::Status renamed = loupe::RenameClass(transaction, *project, request->label(), request->name());
        if (!renamed.ok()) return renamed;
        return ReadProject(transaction, *project);
      });
    });
  });
}

grpc::Status ProjectServiceImpl::GetProject(grpc::ServerContext* context,
                                            const v1::GetProjectRequest* request, v1::Project* response) {
  constexpr char kMethod[] = "ProjectService.GetProject";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Project> {
          const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
          if (!project.ok()) return project.status();
          return ReadProject(transaction, *project);
        });
  });
}

grpc::Status ProjectServiceImpl::ListProjects(grpc::ServerContext* context,
                                              const v1::ListProjectsRequest* request,
                                              v1::ListProjectsResponse* response) {
  constexpr char kMethod[] = "ProjectService.ListProjects";
  return calls_.Unary(context, kMethod, request, response,
                      [&](const Call& call) -> absl::StatusOr<v1::ListProjectsResponse> {
                        const absl::StatusOr<int64_t> start = PageStart(request->page_token());
                        if (!start.ok()) return start.status();
                        const int limit = PageSize(request->page_size(), 100, 1000);
                        return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
                          v1::ListProjectsResponse page;
                          const std::vector<v1::Project> projects =
                              loupe::ListProjects(transaction, ProjectId(*start), limit);
                          for (const v1::Project& project : projects) *page.add_projects() = project;
                          if (page.projects_size() == limit)
                            page.set_next_page_token(absl::StrCat(projects.back().id()));
                          return absl::StatusOr<v1::ListProjectsResponse>(std::move(page));
                        });
                      });
}

grpc::Status ProjectServiceImpl::GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                                           v1::ProjectStatus* response) {
  constexpr char kMethod[] = "ProjectService.GetStatus";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    // Repeatable read: all counts are of the same moment.
    return database_.Transact({kMethod, call.deadline, Isolation::kRepeatableRead},
                              [&](Transaction& transaction) -> absl::StatusOr<v1::ProjectStatus> {
                                const absl::StatusOr<ProjectId> project =
                                    FindProject(transaction, request->project());
                                if (!project.ok()) return project.status();
                                return ReadStatus(transaction, *project);
                              });
  });
}

}  // namespace loupe
