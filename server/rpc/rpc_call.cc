#include "server/rpc/rpc_call.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>
#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "content/text.h"
#include "proto/error_info.h"
#include "server/rpc/rpc_status.h"

namespace loupe {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Fields of requests in which people or programs write several lines.
bool HoldsLines(const FieldDescriptor& field) {
  const std::string& name = field.name();
  return name == "note" || name == "reason" || name == "error" || name == "recipe" || name == "content";
}

// proto3 keeps numbers that no name has.
absl::Status CheckEnum(const FieldDescriptor& field, int number) {
  const EnumDescriptor& type = *field.enum_type();
  if (type.FindValueByNumber(number) != nullptr) return absl::OkStatus();
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) names.push_back(type.value(i)->name());
  }
  return InvalidArgument(absl::StrCat("the field ", field.name(), " is ", number, ": it is one of ",
                                      absl::StrJoin(names, ", ")));
}

absl::Status CheckField(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const int count = field.is_repeated() ? reflection.FieldSize(message, &field) : 1;
  for (int i = 0; i < count; ++i) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const Message& inner = field.is_repeated() ? reflection.GetRepeatedMessage(message, &field, i)
                                                 : reflection.GetMessage(message, &field);
      if (const absl::Status checked = CheckFields(inner); !checked.ok()) return checked;
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
      const int number = field.is_repeated() ? reflection.GetRepeatedEnumValue(message, &field, i)
                                             : reflection.GetEnumValue(message, &field);
      if (const absl::Status known = CheckEnum(field, number); !known.ok()) return known;
    } else if (field.type() == FieldDescriptor::TYPE_STRING) {
      std::string scratch;
      const std::string& text = field.is_repeated()
                                    ? reflection.GetRepeatedStringReference(message, &field, i, &scratch)
                                    : reflection.GetStringReference(message, &field, &scratch);
      if (HasControlCharacter(text, HoldsLines(field))) {
        return InvalidArgument(
            absl::StrCat("the field ", field.name(), " holds a control character: leave it out"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Time DeadlineOf(const grpc::ServerContextBase& context, absl::Duration max_duration) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::Now() + max_duration;
  // As a duration: absl::Now() follows a clock that was turned only after a while.
  const absl::Duration left = absl::FromChrono(deadline - std::chrono::system_clock::now());
  return absl::Now() + std::min(left, max_duration);
}

absl::Status CheckRole(const char* method, const Principal& principal) {
  const std::optional<RoleSet> roles = RolesOf(method);
  if (roles.has_value() && roles->Holds(principal.role)) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "WRONG_ROLE",
               absl::StrCat("a token of role ", RoleName(principal.role), " may not call ", method,
                            ": ask an admin for another token"));
}

}  // namespace

void OpenCall::End(const std::string& who, const absl::Status& status) const {
  const absl::Duration spent = came_.Elapsed();
  metrics_->CallEnded(method_, status.code(), spent);
  const double spent_ms = absl::ToDoubleMilliseconds(spent);
  if (status.ok()) {
    spdlog::info("{} {} OK {:.1f} ms", method_, who, spent_ms);
    return;
  }
  const std::string line = absl::StrReplaceAll(std::string(status.message()).substr(0, 300), {{"\n", " / "}});
  spdlog::info("{} {} {} {} {:.1f} ms: {}", method_, who, absl::StatusCodeToString(status.code()),
               ErrorReason(status), spent_ms, line);
}

absl::Status CheckFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (const absl::Status checked = CheckField(message, *field); !checked.ok()) return checked;
  }
  return absl::OkStatus();
}

absl::Status TooManyCalls() {
  return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_CALLS",
               "too many such calls are open already: try again later");
}

absl::Status RpcCalls::RefuseWhenDraining() const {
  if (!draining_) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
               "the coordinator is shutting down: send the request again later");
}

absl::StatusOr<RpcCalls::Turn> RpcCalls::WaitForTurn(const Call& call) {
  constexpr absl::Duration kPoll = absl::Milliseconds(20);
  if (!waiting_for_turn_.Begin(call.principal.id)) return TooManyCalls();
  const absl::Cleanup waited = [&] { waiting_for_turn_.End(call.principal.id); };
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      if (turns_ > 0) {
        --turns_;
        return Turn(*this);
      }
    }
    if (call.cancelled()) return absl::CancelledError("the client went away");
    if (const absl::Status up = RefuseWhenDraining(); !up.ok()) return up;
    if (absl::Now() > call.deadline) {
      return Error(absl::StatusCode::kDeadlineExceeded, "BUSY",
                   "other reads that take long run already: try again later");
    }
    absl::SleepFor(kPoll);
  }
}

absl::StatusOr<Principal> RpcCalls::Admit(const std::string& token, const char* method,
                                          const Message& request, absl::Time deadline) {
  absl::StatusOr<Principal> principal = Identify(token, method, deadline);
  if (!principal.ok()) return principal;
  if (const absl::Status checked = CheckFields(request); !checked.ok()) return checked;
  return principal;
}

absl::StatusOr<Principal> RpcCalls::Identify(const std::string& token, const char* method,
                                             absl::Time deadline) {
  absl::StatusOr<Principal> principal = authenticator_.Authenticate(token, deadline);
  if (!principal.ok()) return principal;
  if (const absl::Status role = CheckRole(method, *principal); !role.ok()) return role;
  return principal;
}

grpc::Status RpcCalls::Run(grpc::ServerContext* context, const char* method, const Message* request,
                           absl::Duration max_duration, absl::FunctionRef<absl::Status(const Call&)> body) {
  const OpenCall open(*this, method);
  const absl::Time deadline = DeadlineOf(*context, max_duration);
  std::string who = "nobody";
  const auto checked_body = [&]() -> absl::Status {
    absl::StatusOr<Principal> principal = authenticator_.Authenticate(BearerToken(*context), deadline);
    if (!principal.ok()) return principal.status();
    who = principal->name;
    if (const absl::Status role = CheckRole(method, *principal); !role.ok()) return role;
    if (request != nullptr) {
      if (const absl::Status checked = CheckFields(*request); !checked.ok()) return checked;
    }
    return body(Call{*std::move(principal), deadline, *context});
  };
  absl::Status status;
  try {
    status = checked_body();
  } catch (const std::exception& error) {
    spdlog::error("{}: {}", method, error.what());
    status = Error(absl::StatusCode::kInternal, "INTERNAL", "an internal error: see the coordinator's log");
  }
  open.End(who, status);
  return ToGrpc(status);
}

}  // namespace loupe
