// What every command needs: the coordinator's address, a token, the project.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "client/lib/channel.h"

namespace loupe {

// The global options of the command line; empty where not given.
struct GlobalOptions {
  std::string server;      // --server ADDR
  std::string token_file;  // --token-file F
  std::string ca_cert;     // --ca-cert F
  std::string project;     // --project P
  std::string dir;         // --dir DIR: the folder of `loupe up`
};

// The value of an environment variable, or null.
using Environment = std::function<const char*(const char* name)>;

// A mistake in the command line: the program exits with status 2 instead of 1.
absl::Status UsageError(const std::string& message);
bool IsUsageError(const absl::Status& status);

// Looks up address, token and certificate independently of each other: an option wins over --dir, and --dir
// over the environment (LOUPE_SERVER, LOUPE_TOKEN_FILE, LOUPE_CA_CERT). But LOUPE_TOKEN_FILE without
// LOUPE_SERVER wins over the administrator's token of --dir: somebody else uses that coordinator. --dir reads
// DIR/server.address and DIR/admin.token. Its coordinator speaks without TLS, so LOUPE_CA_CERT does not apply
// to it. Errors: usage error (no coordinator or no token is given), NOT_FOUND (a named file doesn't exist).
absl::StatusOr<Endpoint> ResolveEndpoint(const GlobalOptions& options, const Environment& environment);

class Context {
 public:
  Context(GlobalOptions options, Environment environment);

  // Errors: those of ResolveEndpoint and of loupe::Connect.
  absl::StatusOr<Connection> Connect() const;

  // --project or LOUPE_PROJECT; empty: the only project there is.
  const std::string& project() const { return project_; }
  void set_project(const std::string& name) { project_ = name; }

  // --dir, for `up` and `down`. Errors: usage error (not given).
  absl::StatusOr<std::string> Dir() const;

 private:
  GlobalOptions options_;
  Environment environment_;
  std::string project_;
};

// For calls that a person waits for. Three seconds bridge a short interruption, and are short enough to
// report that the coordinator can't be reached.
inline constexpr CallOptions kInteractive = {.deadline = absl::Seconds(60), .patience = absl::Seconds(3)};

// For figures that take long on a large pool: intervals are bootstrapped, and permutation tests run over
// embeddings.
inline constexpr CallOptions kFigures = {.deadline = absl::Minutes(5), .patience = absl::Seconds(3)};

// Connects and calls one unary method. For commands that make a call or two.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Ask(const Context& context,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                             const Request& request, const CallOptions& options = kInteractive) {
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  Stub stub(connection->channel());
  return Call(*connection, stub, method, request, options);
}

// Sets `image_id` or `file_name` of a request, by what a person typed.
template <typename Request>
void SetImage(const std::string& image, Request& request) {
  int64_t id;
  if (absl::SimpleAtoi(image, &id)) {
    request.set_image_id(id);
  } else {
    request.set_file_name(image);
  }
}

// The content of a file, or of standard input for "-". Errors: those of ReadFile.
absl::StatusOr<std::string> ReadText(const std::string& file);

}  // namespace loupe
