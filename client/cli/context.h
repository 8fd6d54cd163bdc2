// What every command knows: which coordinator, whose token, which project.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/lib/channel.h"

namespace loupe {

// As given on the command line; empty where not given.
struct GlobalOptions {
  std::string server;      // --server ADDR
  std::string token_file;  // --token-file F
  std::string ca_cert;     // --ca-cert F
  std::string project;     // --project P
  std::string dir;         // --dir DIR: what `loupe up` made
};

// The value of an environment variable, or null.
using Environment = std::function<const char*(const char* name)>;

// An error of the person at the command line: exit status 2 instead of 1.
absl::Status UsageError(const std::string& message);
bool IsUsageError(const absl::Status& status);

// Each of address, token and certificate by itself: an option wins over --dir, --dir over the environment
// (LOUPE_SERVER, LOUPE_TOKEN_FILE, LOUPE_CA_CERT). --dir reads DIR/server.address and DIR/admin.token, and
// its coordinator speaks without TLS, so LOUPE_CA_CERT does not apply to it. Errors: usage error (nothing
// names a coordinator or a token), NOT_FOUND (a file that is named is not there).
absl::StatusOr<Endpoint> ResolveEndpoint(const GlobalOptions& options, const Environment& environment);

class Context {
 public:
  Context(GlobalOptions options, Environment environment);

  // Errors: as ResolveEndpoint, as loupe::Connect.
  absl::StatusOr<Connection> Connect() const;

  // --project or LOUPE_PROJECT; empty: the only project there is.
  const std::string& project() const { return project_; }

  // --dir, for `up` and `down`. Errors: usage error (not given).
  absl::StatusOr<std::string> Dir() const;

 private:
  GlobalOptions options_;
  Environment environment_;
  std::string project_;
};

// A person waits: three seconds are enough to ride out a hiccup and short enough to say that nobody answers.
inline constexpr CallOptions kInteractive = {.deadline = absl::Seconds(60), .patience = absl::Seconds(3)};

// Calls one unary method of the coordinator that `context` names. For commands that make a call or two.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Ask(const Context& context,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                             const Request& request, const CallOptions& options = kInteractive) {
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  Stub stub(connection->channel());
  return Call(*connection, stub, method, request, options);
}

}  // namespace loupe
