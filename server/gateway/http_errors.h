// Errors as answers over HTTP, in the form of Connect.
#pragma once

#include <exception>

#include <spdlog/spdlog.h>

#include "absl/status/status.h"
#include "proto/error_info.h"
#include "server/gateway/connect_protocol.h"
#include "server/gateway/http_exchange.h"
#include "server/rpc/rpc_status.h"

namespace loupe {

inline HttpAnswer ErrorAnswer(const grpc::Status& status) {
  HttpAnswer answer;
  answer.status = HttpStatusOf(status.error_code());
  answer.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  answer.body = ErrorJson(status);
  return answer;
}

inline HttpAnswer ErrorAnswer(const absl::Status& status) { return ErrorAnswer(ToGrpc(status)); }

// Runs what answers, on a thread of its own; an exception becomes the answer.
template <typename Answering>
void AnswerOrFail(HttpExchange& exchange, Answering answering) {
  try {
    answering();
  } catch (const std::exception& error) {
    spdlog::error("{}: {}", exchange.request().path, error.what());
    exchange.Answer(ErrorAnswer(
        Error(absl::StatusCode::kInternal, "INTERNAL", "an internal error: see the coordinator's log")));
  }
}

}  // namespace loupe
