#include "server/projects/project_service.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/stores/job_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/strategies.h"
#include "server/projects/project_erasure.h"
#include "server/ranking/uncertainty.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

constexpr double kDefaultHoldoutFraction = 0.15;
constexpr double kMaxHoldoutFraction = 0.9;
constexpr uint32_t kDefaultHoldoutTarget = 200;
constexpr uint32_t kLargestLevel = 65535;  // of pictures with 16 bits
constexpr size_t kMaxGuidelines = 100'000;
constexpr uint32_t kMaxListed = std::numeric_limits<int32_t>::max();

absl::Status CheckClassName(const std::string& name) {
  if (!name.empty() && CharacterCount(name) <= 100) return absl::OkStatus();
  return InvalidArgument("the name of a class must have 1 to 100 characters");
}

absl::Status CheckClasses(const google::protobuf::RepeatedPtrField<std::string>& classes) {
  if (classes.empty()) return InvalidArgument("a project needs at least one class");
  if (classes.size() > kMaxClasses) return TooManyClasses();
  std::set<std::string> seen;
  for (const std::string& name : classes) {
    if (absl::Status named = CheckClassName(name); !named.ok()) return named;
    if (!seen.insert(name).second)
      return InvalidArgument(absl::StrCat("the class ", name, " is listed twice"));
  }
  return absl::OkStatus();
}

// What the annotation page does nothing else with.
constexpr char kClassKeys[] = "123456789IOPQTVWY";

absl::Status CheckDisplay(const v1::ClassDisplay& display) {
  const std::string& color = display.color();
  const bool is_color = color.size() == 7 && color.front() == '#' &&
                        color.find_first_not_of("0123456789abcdef", 1) == std::string::npos;
  if (!color.empty() && !is_color) {
    return InvalidArgument(
        "color must be `#` and six digits of 0 to 9 and a to f, such as #1f77b4, or empty");
  }
  const std::string& key = display.key();
  if (key.empty() || (key.size() == 1 && std::string_view(kClassKeys).find(key) != std::string_view::npos)) {
    return absl::OkStatus();
  }
  return InvalidArgument(
      absl::StrCat("the annotation page does something else with the key ", key.substr(0, 20),
                   ", or can't read it: key must be one of 1 to 9, I, O, P, Q, T, V, W and Y, or empty"));
}

// Of classes that are about to be made.
absl::Status SetDisplays(const v1::CreateProjectRequest& request, v1::Project& settings) {
  if (request.displays_size() > request.classes_size()) {
    return InvalidArgument("displays has more entries than classes");
  }
  std::set<std::string> keys;
  for (int i = 0; i < request.displays_size(); ++i) {
    const v1::ClassDisplay& display = request.displays(i);
    if (const absl::Status valid = CheckDisplay(display); !valid.ok()) return valid;
    if (!display.key().empty() && !keys.insert(display.key()).second) {
      return InvalidArgument(absl::StrCat("two classes have the key ", display.key()));
    }
    *settings.mutable_classes(i)->mutable_display() = display;
  }
  return absl::OkStatus();
}

absl::Status CheckShare(const char* field, double share, double most) {
  if (share >= 0 && share <= most) return absl::OkStatus();  // NaN fails every comparison
  return InvalidArgument(absl::StrCat(field, " must be from 0 to ", most));
}

absl::Status CheckIntensityRange(const v1::IntensityRange& range) {
  if (range.low() < range.high() && range.high() <= kLargestLevel) return absl::OkStatus();
  return InvalidArgument(
      absl::StrCat("intensity_range must have low below high, and high at most ", kLargestLevel));
}

// Nobody can guess it: who knew the seed could tell from a picture whether it is of the holdout.
uint64_t SecretSeed() {
  uint64_t seed = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof(seed)) != 1) std::abort();
  return seed;
}

// The project as this role may see it.
v1::Project ShownTo(v1::Role role, v1::Project project) {
  if (role == v1::ANNOTATOR) {
    project.clear_seed();
    project.clear_holdout_fraction();
    project.clear_planted_share();
    project.clear_pause_on_alarm();
  }
  return project;
}

// The status as this role may see it.
v1::ProjectStatus ShownTo(v1::Role role, v1::ProjectStatus status) {
  *status.mutable_project() = ShownTo(role, status.project());
  if (role != v1::ANNOTATOR) return status;
  v1::ProjectStatus shown;
  *shown.mutable_project() = status.project();
  shown.set_images(status.images());
  shown.set_labelled(std::min(status.labelled() + status.answers_beside_truth(), status.images()));
  shown.set_open_leases(status.open_leases());
  shown.set_serving_model(status.serving_model());
  shown.set_latest_round(status.latest_round());
  shown.set_latest_round_state(status.latest_round_state());
  *shown.mutable_computed_at() = status.computed_at();
  return shown;
}

absl::StatusOr<v1::ProjectStatus> StatusWithWorkers(Transaction& transaction, ProjectId project) {
  v1::ProjectStatus status = ReadStatus(transaction, project);
  for (v1::WorkerStatus& worker : ReadWorkers(transaction)) *status.add_workers() = std::move(worker);
  return status;
}

// The requested settings, with every default filled in.
absl::StatusOr<v1::Project> SettingsOf(const v1::CreateProjectRequest& request) {
  if (const absl::Status named = CheckIdentifier("the name of a project", request.name()); !named.ok())
    return named;
  if (const absl::Status listed = CheckClasses(request.classes()); !listed.ok()) return listed;
  v1::Project settings;
  settings.set_name(request.name());
  for (const std::string& name : request.classes()) settings.add_classes()->set_name(name);
  if (const absl::Status displays = SetDisplays(request, settings); !displays.ok()) return displays;
  settings.set_holdout_fraction(request.has_holdout_fraction() ? request.holdout_fraction()
                                                               : kDefaultHoldoutFraction);
  if (!(settings.holdout_fraction() >= 0 && settings.holdout_fraction() <= kMaxHoldoutFraction)) {
    return InvalidArgument(absl::StrCat("holdout_fraction must be within 0 and ", kMaxHoldoutFraction));
  }
  settings.set_seed(request.has_seed() ? request.seed() : SecretSeed());
  settings.set_strategy(request.strategy().empty() ? kCombinedName : request.strategy());
  if (const auto known = ranking::ParseStrategy(settings.strategy()); !known.ok()) {
    return InvalidArgument(std::string(known.status().message()));
  }
  settings.set_holdout_target(request.has_holdout_target() ? request.holdout_target()
                                                           : kDefaultHoldoutTarget);
  if (settings.holdout_target() > 1'000'000'000)
    return InvalidArgument("holdout_target must be at most 1,000,000,000");
  settings.mutable_intensity_range()->set_high(kLargestLevel);
  if (request.has_intensity_range()) *settings.mutable_intensity_range() = request.intensity_range();
  if (absl::Status range = CheckIntensityRange(settings.intensity_range()); !range.ok()) return range;
  return settings;
}

// Whether nobody has written guidelines since this version. Errors: ABORTED (GUIDELINES_CHANGED).
absl::Status CheckLatest(Transaction& transaction, ProjectId project, uint32_t expected_version) {
  const absl::StatusOr<v1::Guidelines> latest = ReadGuidelines(transaction, project, 0);
  if (latest.ok() ? latest->version() == expected_version : expected_version == 0) return absl::OkStatus();
  const std::string changed =
      latest.ok()
          ? absl::StrCat(
                latest->author(), " wrote version ", latest->version(), " at ",
                absl::FormatTime("%Y-%m-%d %H:%M", TimeOf(latest->created_at()), absl::UTCTimeZone()), " UTC")
          : "the project has none";
  return Error(absl::StatusCode::kAborted, "GUIDELINES_CHANGED",
               absl::StrCat("the guidelines are no longer version ", expected_version, ": ", changed,
                            ". Nothing was saved: read that version, and save yours over it or leave it"));
}

// Cancels what runs and hides the project. Errors: NOT_FOUND (NO_SUCH_PROJECT).
absl::Status DeleteNamed(Transaction& transaction, const std::string& name) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, name);
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  for (const RoundRow& round : ListRounds(transaction, *project, 0, kMaxListed)) {
    if (!HasEnded(LockRound(transaction, round.id))) {
      SetRoundState(transaction, round.id, RoundState::kCancelled);
    }
  }
  loupe::DeleteProject(transaction, *project);
  return absl::OkStatus();
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

template <typename Request, typename Change>
grpc::Status ProjectServiceImpl::ChangeProject(grpc::ServerContext* context, const char* method,
                                               const Request* request, v1::Project* response,
                                               const Change& change) {
  using Response = absl::StatusOr<v1::Project>;
  return calls_.Unary(context, method, request, response, [&](const Call& call) -> Response {
    const RequestKey key = KeyOf(call.principal.id, method, request->request_id(), *request);
    return database_.Transact({method, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Project>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        absl::Status changed = change(transaction, *project, call.principal.id);
        if (!changed.ok()) return changed;
        return ReadProject(transaction, *project);
      });
    });
  });
}

grpc::Status ProjectServiceImpl::RenameProject(grpc::ServerContext* context,
                                               const v1::RenameProjectRequest* request,
                                               v1::Project* response) {
  return ChangeProject(context, "ProjectService.RenameProject", request, response,
                       [&](Transaction& transaction, ProjectId project, PrincipalId) {
                         const absl::Status named = CheckIdentifier("the name of a project", request->name());
                         return named.ok() ? loupe::RenameProject(transaction, project, request->name())
                                           : named;
                       });
}

grpc::Status ProjectServiceImpl::RenameClass(grpc::ServerContext* context,
                                             const v1::RenameClassRequest* request, v1::Project* response) {
  return ChangeProject(context, "ProjectService.RenameClass", request, response,
                       [&](Transaction& transaction, ProjectId project, PrincipalId) {
                         const absl::Status named = CheckClassName(request->name());
                         return named.ok() ? loupe::RenameClass(transaction, project, request->label(),
                                                                request->name())
                                           : named;
                       });
}

grpc::Status ProjectServiceImpl::SetClassDisplay(grpc::ServerContext* context,
                                                 const v1::SetClassDisplayRequest* request,
                                                 v1::Project* response) {
  return ChangeProject(context, "ProjectService.SetClassDisplay", request, response,
                       [&](Transaction& transaction, ProjectId project, PrincipalId) {
                         const absl::Status valid = CheckDisplay(request->display());
                         if (!valid.ok()) return valid;
                         return loupe::SetClassDisplay(
                             transaction, project, request->label(), request->display(),
                             request->has_expected() ? &request->expected() : nullptr);
                       });
}

grpc::Status ProjectServiceImpl::SetIntensityRange(grpc::ServerContext* context,
                                                   const v1::SetIntensityRangeRequest* request,
                                                   v1::Project* response) {
  return ChangeProject(context, "ProjectService.SetIntensityRange", request, response,
                       [&](Transaction& transaction, ProjectId project, PrincipalId) {
                         const absl::Status valid = CheckIntensityRange(request->intensity_range());
                         if (!valid.ok()) return valid;
                         LockProject(transaction, project);
                         return loupe::SetIntensityRange(transaction, project, request->intensity_range());
                       });
}

grpc::Status ProjectServiceImpl::SetQualityControl(grpc::ServerContext* context,
                                                   const v1::SetQualityControlRequest* request,
                                                   v1::Project* response) {
  return ChangeProject(
      context, "ProjectService.SetQualityControl", request, response,
      [&](Transaction& transaction, ProjectId project, PrincipalId) {
        constexpr double kMostOverlap = 0.5, kMostPlanted = 0.2;
        const absl::Status overlap = CheckShare("overlap_share", request->overlap_share(), kMostOverlap);
        if (!overlap.ok()) return overlap;
        const absl::Status planted = CheckShare("planted_share", request->planted_share(), kMostPlanted);
        if (!planted.ok()) return planted;
        loupe::SetQualityControl(transaction, project, *request);
        return absl::OkStatus();
      });
}

grpc::Status ProjectServiceImpl::AddClass(grpc::ServerContext* context, const v1::AddClassRequest* request,
                                          v1::Project* response) {
  return ChangeProject(context, "ProjectService.AddClass", request, response,
                       [&](Transaction& transaction, ProjectId project, PrincipalId caller) {
                         const absl::Status named = CheckClassName(request->name());
                         return named.ok() ? loupe::AddClass(transaction, project, request->name(), caller)
                                           : named;
                       });
}

grpc::Status ProjectServiceImpl::RetireClass(grpc::ServerContext* context,
                                             const v1::RetireClassRequest* request, v1::Project* response) {
  return ChangeProject(context, "ProjectService.RetireClass", request, response,
                       [&](Transaction& transaction, ProjectId project, PrincipalId) {
                         return loupe::RetireClass(transaction, project, request->label());
                       });
}

grpc::Status ProjectServiceImpl::DeleteProject(grpc::ServerContext* context,
                                               const v1::DeleteProjectRequest* request,
                                               v1::DeleteProjectResponse* response) {
  constexpr char kMethod[] = "ProjectService.DeleteProject";
  using Response = absl::StatusOr<v1::DeleteProjectResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (request->project().empty() || request->confirm() != request->project()) {
      return Error(absl::StatusCode::kFailedPrecondition, "NOT_CONFIRMED",
                   "to delete a project, give its name in `project` and once more in `confirm`");
    }
    absl::Status deleted = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return DeleteNamed(transaction, request->project());
    });
    if (!deleted.ok()) return deleted;
    v1::DeleteProjectResponse done;
    for (;;) {
      const absl::StatusOr<Erased> erased = EraseDeletedProjects(database_, blobs_, call.deadline);
      if (!erased.ok()) return erased.status();
      if (erased->images == 0) return done;
      done.set_erased_images(done.erased_images() + erased->pictures);
      done.set_shared_images(done.shared_images() + erased->images - erased->pictures);
    }
  });
}

grpc::Status ProjectServiceImpl::SetGuidelines(grpc::ServerContext* context,
                                               const v1::SetGuidelinesRequest* request,
                                               v1::Guidelines* response) {
  constexpr char kMethod[] = "ProjectService.SetGuidelines";
  using Response = absl::StatusOr<v1::Guidelines>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (request->content().empty() || CharacterCount(request->content()) > kMaxGuidelines) {
      return InvalidArgument(absl::StrCat("content must have 1 to ", kMaxGuidelines, " characters"));
    }
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Guidelines>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        LockProject(transaction, *project);
        if (request->has_expected_version()) {
          const absl::Status same = CheckLatest(transaction, *project, request->expected_version());
          if (!same.ok()) return same;
        }
        const uint32_t version =
            InsertGuidelines(transaction, *project, request->content(), call.principal.id);
        return ReadGuidelines(transaction, *project, version);
      });
    });
  });
}

grpc::Status ProjectServiceImpl::GetGuidelines(grpc::ServerContext* context,
                                               const v1::GetGuidelinesRequest* request,
                                               v1::Guidelines* response) {
  constexpr char kMethod[] = "ProjectService.GetGuidelines";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Guidelines> {
          const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
          if (!project.ok()) return project.status();
          return ReadGuidelines(transaction, *project, request->version());
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
          return ShownTo(call.principal.role, ReadProject(transaction, *project));
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
                              loupe::ListProjects(transaction, ProjectId(*start), limit + 1);
                          for (const v1::Project& project : projects) {
                            *page.add_projects() = ShownTo(call.principal.role, project);
                          }
                          if (CutPage(*page.mutable_projects(), limit))
                            page.set_next_page_token(absl::StrCat(page.projects(limit - 1).id()));
                          return absl::StatusOr<v1::ListProjectsResponse>(std::move(page));
                        });
                      });
}

grpc::Status ProjectServiceImpl::GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                                           v1::ProjectStatus* response) {
  constexpr char kMethod[] = "ProjectService.GetStatus";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::ProjectStatus> {
        const absl::StatusOr<ProjectId> project = database_.Transact(
            {kMethod, call.deadline},
            [&](Transaction& transaction) { return FindProject(transaction, request->project()); });
        if (!project.ok()) return project.status();
        absl::StatusOr<v1::ProjectStatus> status = kept_.Get<v1::ProjectStatus>(
            QuestionOf(kMethod, *project, *request), absl::Seconds(request->max_age_seconds()), call.deadline,
            [&]() -> absl::StatusOr<v1::ProjectStatus> {
              // Repeatable read: all counts are of the same moment.
              return database_.Transact(
                  {kMethod, call.deadline, Isolation::kRepeatableRead},
                  [&](Transaction& transaction) { return StatusWithWorkers(transaction, *project); });
            });
        if (!status.ok()) return status.status();
        return ShownTo(call.principal.role, *std::move(status));
      });
}

}  // namespace loupe
