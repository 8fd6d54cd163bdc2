#include "server/rounds/round_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "db/stores/image_store.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/ranking/pseudo_labels.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

constexpr int kSetAsideListed = 20;

// How soon a watcher sees a change.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(300);

// Responses are stored under these names. They must not change: a request that is repeated after an upgrade
// finds its response by them.
constexpr char kSubmitKey[] = "SubmitRound";
constexpr char kCancelKey[] = "CancelRound";

constexpr char kWatchMethod[] = "RoundService.WatchRound";

absl::Status NoSuchRound(uint32_t number) {
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_ROUND",
               number == 0 ? "the project has no round yet" : absl::StrCat("there is no round ", number));
}

absl::Status BadRecipe(absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_RECIPE", std::string(why));
}

// The kind of job that runs in a state. JOB_KIND_UNSPECIFIED: none does.
v1::JobKind KindOf(RoundState state) {
  switch (state) {
    case RoundState::kTraining:
      return v1::TRAIN;
    case RoundState::kEvaluating:
      return v1::EVALUATE;
    case RoundState::kPredicting:
      return v1::PREDICT;
    default:
      return v1::JOB_KIND_UNSPECIFIED;
  }
}

// Adds recipe, progress and the images that it set aside to the row's message. A recipe that can't be read is
// left out: its round has failed, and says so.
v1::Round DescribeRound(Transaction& transaction, RoundRow row) {
  absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(row.recipe);
  if (recipe.ok()) *row.message.mutable_recipe() = *std::move(recipe);
  if (const v1::JobKind kind = KindOf(row.state); kind != v1::JOB_KIND_UNSPECIFIED) {
    *row.message.mutable_progress() = ReadProgress(transaction, row.id, kind);
  }
  SetAsideImages set_aside = ReadSetAside(transaction, row.id, kSetAsideListed);
  for (v1::Image& image : set_aside.first) {
    image.clear_side();  // annotators see rounds, too
    image.clear_sampling_key();
    *row.message.add_set_aside() = std::move(image);
  }
  row.message.set_set_aside_total(set_aside.total);
  return std::move(row.message);
}

// number 0: the latest round. Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_ROUND).
absl::StatusOr<RoundRow> ReadRow(Transaction& transaction, const std::string& project_name, uint32_t number) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  std::optional<RoundRow> row = FindRound(transaction, *project, number);
  if (!row.has_value()) return NoSuchRound(number);
  return *std::move(row);
}

// Errors: FAILED_PRECONDITION (NO_SUCH_MODEL), INVALID_ARGUMENT (BAD_RECIPE: the model has another preset).
absl::Status CheckInitModel(Transaction& transaction, ProjectId project, const v1::DetectorRecipe& detector) {
  if (detector.init_model().empty()) return absl::OkStatus();
  const std::optional<ModelRow> model = FindModel(transaction, project, detector.init_model());
  if (!model.has_value()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_SUCH_MODEL",
                 absl::StrCat("detector.init_model is \"", detector.init_model(),
                              "\", but the project has no such model: import it first"));
  }
  if (model->message.preset() == detector.preset()) return absl::OkStatus();
  return BadRecipe(absl::StrCat("detector.init_model \"", detector.init_model(), "\" is a ",
                                model->message.preset(), ", but detector.preset is ", detector.preset()));
}

// Freezes the truth of the pool and queues a round. `recipe` is valid; a strategy that it leaves out is the
// project's.
absl::StatusOr<v1::Round> QueueRound(Transaction& transaction, PrincipalId caller,
                                     const std::string& project_name, v1::Recipe recipe) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  if (const absl::Status known = CheckInitModel(transaction, *project, recipe.detector()); !known.ok())
    return known;
  if (recipe.ranking().strategy().empty()) {
    recipe.mutable_ranking()->set_strategy(ReadProject(transaction, *project).strategy());
    recipe = WithDefaults(std::move(recipe));
    if (const absl::Status valid = Validate(recipe); !valid.ok())
      return BadRecipe(std::string(valid.message()));
  }
  const Snapshot snapshot = FreezeSnapshot(transaction, *project, ranking::kPseudoLabelFloor);
  if (snapshot.images == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_LABELS",
                 "nothing in the pool is labelled: label some images, or import labels, first");
  }
  const uint32_t number = InsertRound(transaction, *project, RecipeText(recipe), snapshot.id, caller);
  std::optional<RoundRow> row = FindRound(transaction, *project, number);
  if (!row.has_value()) return NoSuchRound(number);
  return DescribeRound(transaction, *std::move(row));
}

absl::StatusOr<v1::Round> Cancel(Transaction& transaction, const v1::CancelRoundRequest& request) {
  const absl::StatusOr<RoundRow> row = ReadRow(transaction, request.project(), request.number());
  if (!row.ok()) return row.status();
  LockProject(transaction, row->project);
  if (HasEnded(LockRound(transaction, row->id))) {
    return Error(absl::StatusCode::kFailedPrecondition, "ROUND_ENDED",
                 absl::StrCat("round ", row->message.number(), " has ended already"));
  }
  SetRoundState(transaction, row->id, RoundState::kCancelled);
  absl::StatusOr<RoundRow> after = ReadRow(transaction, request.project(), row->message.number());
  if (!after.ok()) return after.status();
  return DescribeRound(transaction, *std::move(after));
}

absl::StatusOr<v1::ListRoundsResponse> ReadPage(Transaction& transaction, const std::string& project_name,
                                                uint32_t below, uint32_t size) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  v1::ListRoundsResponse page;
  for (RoundRow& row : ListRounds(transaction, *project, below, size)) {
    *page.add_rounds() = DescribeRound(transaction, std::move(row));
  }
  if (static_cast<uint32_t>(page.rounds_size()) == size) {
    page.set_next_page_token(std::to_string(page.rounds().rbegin()->number()));
  }
  return page;
}

struct RoundAtVersion {
  int64_t version = 0;
  v1::Round round;
};

// nullopt: the round still has the version `seen`. The version is read before the progress: a change between
// the two reads is shown at once, and again with the next version.
absl::StatusOr<std::optional<RoundAtVersion>> ReadChange(Transaction& transaction,
                                                         const v1::WatchRoundRequest& request,
                                                         std::optional<int64_t> seen) {
  absl::StatusOr<RoundRow> row = ReadRow(transaction, request.project(), request.number());
  if (!row.ok()) return row.status();
  const int64_t version = row->version;
  if (version == seen) return std::nullopt;
  return RoundAtVersion{version, DescribeRound(transaction, *std::move(row))};
}

}  // namespace

grpc::Status RoundServiceImpl::SubmitRound(grpc::ServerContext* context,
                                           const v1::SubmitRoundRequest* request, v1::Round* response) {
  constexpr char kMethod[] = "RoundService.SubmitRound";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::Round> {
        const absl::StatusOr<v1::Recipe> recipe = ParseRecipe(request->recipe());
        if (!recipe.ok()) return BadRecipe(std::string(recipe.status().message()));
        const RequestKey key = KeyOf(call.principal.id, kSubmitKey, request->request_id(), *request);
        return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
          return WithRequestId<v1::Round>(transaction, key, [&] {
            return QueueRound(transaction, call.principal.id, request->project(), *recipe);
          });
        });
      });
}

grpc::Status RoundServiceImpl::GetRound(grpc::ServerContext* context, const v1::GetRoundRequest* request,
                                        v1::Round* response) {
  constexpr char kMethod[] = "RoundService.GetRound";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Round> {
          absl::StatusOr<RoundRow> row = ReadRow(transaction, request->project(), request->number());
          if (!row.ok()) return row.status();
          return DescribeRound(transaction, *std::move(row));
        });
  });
}

grpc::Status RoundServiceImpl::ListRounds(grpc::ServerContext* context, const v1::ListRoundsRequest* request,
                                          v1::ListRoundsResponse* response) {
  constexpr char kMethod[] = "RoundService.ListRounds";
  using Response = absl::StatusOr<v1::ListRoundsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> below = PageStart(request->page_token());
    if (!below.ok()) return below.status();
    const auto size = static_cast<uint32_t>(PageSize(request->page_size(), 100, 1000));
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return ReadPage(transaction, request->project(), static_cast<uint32_t>(*below), size);
    });
  });
}

grpc::Status RoundServiceImpl::CancelRound(grpc::ServerContext* context,
                                           const v1::CancelRoundRequest* request, v1::Round* response) {
  constexpr char kMethod[] = "RoundService.CancelRound";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    const RequestKey key = KeyOf(call.principal.id, kCancelKey, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Round>(transaction, key, [&] { return Cancel(transaction, *request); });
    });
  });
}

grpc::Status RoundServiceImpl::WatchRound(grpc::ServerContext* context, const v1::WatchRoundRequest* request,
                                          grpc::ServerWriter<v1::Round>* writer) {
  return calls_.Stream(context, kWatchMethod, request,
                       [&](const Call& call) { return Watch(call, *request, *writer); });
}

absl::Status RoundServiceImpl::Watch(const Call& call, v1::WatchRoundRequest request,
                                     grpc::ServerWriter<v1::Round>& writer) {
  std::optional<int64_t> seen;
  while (!call.cancelled()) {
    if (const absl::Status up = calls_.RefuseWhenDraining(); !up.ok()) return up;
    const absl::StatusOr<std::optional<RoundAtVersion>> change =
        database_.Transact({kWatchMethod, call.deadline},
                           [&](Transaction& transaction) { return ReadChange(transaction, request, seen); });
    if (!change.ok()) return change.status();
    if (change->has_value()) {
      const v1::Round& round = (*change)->round;
      request.set_number(round.number());  // "the latest" stays the round that was shown first
      if (!writer.Write(round) || round.has_ended_at()) return absl::OkStatus();
      seen = (*change)->version;
    }
    absl::SleepFor(kWatchInterval);
  }
  return absl::OkStatus();
}

}  // namespace loupe
