#include "server/rounds/round_service.h"

#include <optional>

#include "absl/time/clock.h"
#include "server/rounds/round_calls.h"

namespace loupe {
namespace {

// How soon a watcher hears of a change.
constexpr absl::Duration kWatchInterval = absl::Milliseconds(300);

}  // namespace

grpc::Status RoundServiceImpl::SubmitRound(grpc::ServerContext* context,
                                           const v1::SubmitRoundRequest* request, v1::Round* response) {
  return calls_.Unary(context, "RoundService.SubmitRound", request, response, [&](const Call& call) {
    return loupe::SubmitRound(database_, call.principal.id, *request);
  });
}

grpc::Status RoundServiceImpl::GetRound(grpc::ServerContext* context, const v1::GetRoundRequest* request,
                                        v1::Round* response) {
  return calls_.Unary(context, "RoundService.GetRound", request, response,
                      [&](const Call&) { return loupe::GetRound(database_, *request); });
}

grpc::Status RoundServiceImpl::ListRounds(grpc::ServerContext* context, const v1::ListRoundsRequest* request,
                                          v1::ListRoundsResponse* response) {
  return calls_.Unary(context, "RoundService.ListRounds", request, response,
                      [&](const Call&) { return loupe::ListRounds(database_, *request); });
}

grpc::Status RoundServiceImpl::CancelRound(grpc::ServerContext* context,
                                           const v1::CancelRoundRequest* request, v1::Round* response) {
  return calls_.Unary(context, "RoundService.CancelRound", request, response, [&](const Call& call) {
    return loupe::CancelRound(database_, call.principal.id, *request);
  });
}

grpc::Status RoundServiceImpl::WatchRound(grpc::ServerContext* context, const v1::WatchRoundRequest* request,
                                          grpc::ServerWriter<v1::Round>* writer) {
  return calls_.Stream(context, "RoundService.WatchRound", request,
                       [&](const Call& call) { return Watch(call, *request, *writer); });
}

absl::Status RoundServiceImpl::Watch(const Call& call, v1::WatchRoundRequest request,
                                     grpc::ServerWriter<v1::Round>& writer) {
  std::optional<int64_t> shown;
  while (!call.cancelled()) {
    if (const absl::Status up = calls_.RefuseWhenDraining(); !up.ok()) return up;
    // The version is read first: a change that comes between the two reads is shown now and once more.
    const absl::StatusOr<int64_t> version = GetRoundVersion(database_, request);
    if (!version.ok()) return version.status();
    if (!shown.has_value() || *version != *shown) {
      v1::GetRoundRequest get;
      get.set_project(request.project());
      get.set_number(request.number());
      const absl::StatusOr<v1::Round> round = loupe::GetRound(database_, get);
      if (!round.ok()) return round.status();
      request.set_number(round->number());  // "the latest" stays the one that was shown first
      if (!writer.Write(*round)) return absl::OkStatus();
      if (round->has_ended_at()) return absl::OkStatus();
      shown = *version;
    }
    absl::SleepFor(kWatchInterval);
  }
  return absl::OkStatus();
}

}  // namespace loupe
