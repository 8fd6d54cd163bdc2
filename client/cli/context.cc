#include "client/cli/context.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "content/read_file.h"

namespace loupe {
namespace {

constexpr char kUsageUrl[] = "loupe/usage";

// The option if given, else the environment variable.
std::string OptionOr(const std::string& option, const Environment& environment, const char* variable) {
  if (!option.empty()) return option;
  const char* value = environment(variable);
  return value == nullptr ? "" : value;
}

absl::StatusOr<std::string> ReadAddress(const std::filesystem::path& dir) {
  std::ifstream file(dir / "server.address");
  std::string address;
  if (!file || !std::getline(file, address) || address.empty()) {
    return absl::NotFoundError(absl::StrCat("no coordinator has run in ", dir.string(),
                                            ": start one with `loupe up --dir ", dir.string(), "`"));
  }
  return std::string(absl::StripAsciiWhitespace(address));
}

}  // namespace

absl::Status UsageError(const std::string& message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsageUrl, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) { return status.GetPayload(kUsageUrl).has_value(); }

absl::StatusOr<Endpoint> ResolveEndpoint(const GlobalOptions& options, const Environment& environment) {
  Endpoint endpoint;
  endpoint.ca_cert = options.ca_cert;
  if (!options.server.empty() || options.dir.empty()) {
    endpoint.address = OptionOr(options.server, environment, "LOUPE_SERVER");
    endpoint.ca_cert = OptionOr(options.ca_cert, environment, "LOUPE_CA_CERT");
  } else {
    absl::StatusOr<std::string> address = ReadAddress(options.dir);
    if (!address.ok()) return address.status();
    endpoint.address = *std::move(address);
  }
  if (endpoint.address.empty()) {
    return UsageError(
        "which coordinator? Give --server ADDR, or --dir DIR after `loupe up --dir DIR`, or set "
        "LOUPE_SERVER");
  }
  std::filesystem::path token_file = options.token_file;
  const std::string coordinator = OptionOr("", environment, "LOUPE_SERVER");
  if (token_file.empty() && (options.dir.empty() || coordinator.empty()))
    token_file = OptionOr("", environment, "LOUPE_TOKEN_FILE");
  if (token_file.empty() && !options.dir.empty())
    token_file = std::filesystem::path(options.dir) / "admin.token";
  if (token_file.empty()) {
    return UsageError(
        "whose token? Give --token-file F, or --dir DIR after `loupe up --dir DIR`, or set LOUPE_TOKEN_FILE");
  }
  absl::StatusOr<std::string> token = ReadTokenFile(token_file);
  if (!token.ok()) return token.status();
  endpoint.token = *std::move(token);
  return endpoint;
}

Context::Context(GlobalOptions options, Environment environment)
    : options_(std::move(options)),
      environment_(std::move(environment)),
      project_(OptionOr(options_.project, environment_, "LOUPE_PROJECT")) {}

absl::StatusOr<Connection> Context::Connect() const {
  const absl::StatusOr<Endpoint> endpoint = ResolveEndpoint(options_, environment_);
  if (!endpoint.ok()) return endpoint.status();
  return loupe::Connect(*endpoint);
}

absl::StatusOr<std::string> Context::Dir() const {
  if (options_.dir.empty()) return UsageError("which folder? Give --dir DIR");
  return options_.dir;
}

absl::StatusOr<std::string> ReadText(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  return ReadFile(file);
}

}  // namespace loupe
