// loupe token create|link|list|revoke
#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/secret_file.h"
#include "client/lib/request_id.h"
#include "loupe/v1/session.grpc.pb.h"
#include "loupe/v1/token.grpc.pb.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

struct CreateTokenOptions {
  std::string role;
  std::string name;
  std::string out;
  std::string expires;
  bool json = false;
};

struct ListTokensOptions {
  bool json = false;
};

struct LinkOptions {
  std::string token;
};

struct RevokeOptions {
  std::string token;
};

// `text`: days, hours or weeks from now, as in 30d; or a day, from whose end (UTC) on the token is refused.
absl::StatusOr<absl::Time> ExpiryOf(const std::string& text) {
  absl::CivilDay day;
  if (absl::ParseCivilTime(text, &day)) return absl::FromCivil(day + 1, absl::UTCTimeZone());
  constexpr std::array<std::pair<char, int>, 3> kUnits = {{{'h', 1}, {'d', 24}, {'w', 168}}};
  for (const auto& [unit, hours] : kUnits) {
    int count = 0;
    if (text.empty() || text.back() != unit || !absl::SimpleAtoi(text.substr(0, text.size() - 1), &count)) {
      continue;
    }
    if (count > 0 && count <= 100'000) return absl::Now() + absl::Hours(int64_t{count} * hours);
  }
  return UsageError(absl::StrCat("--expires ", text, " is no time: use 12h, 30d, 8w or 2030-12-31"));
}

// A link that logs the token's holder in; 0: who calls. Errors: FAILED_PRECONDITION (NO_GATEWAY: this
// coordinator serves no pages), and others.
absl::StatusOr<std::string> LoginLink(const Context& context, int64_t token_id) {
  v1::CreateLoginLinkRequest request;
  request.set_token_id(token_id);
  const auto link = Ask(context, &v1::SessionService::Stub::CreateLoginLink, request);
  if (!link.ok()) return link.status();
  return link->url();
}

absl::Status CreateToken(const Context& context, const CreateTokenOptions& options) {
  // Checked before the token is made, since its secret is shown only once.
  if (!options.out.empty() && std::filesystem::exists(options.out)) {
    return absl::AlreadyExistsError(absl::StrCat(options.out, " is there already"));
  }
  v1::CreateTokenRequest request;
  request.set_request_id(NewRequestId());
  v1::Role role = v1::ROLE_UNSPECIFIED;
  v1::Role_Parse(absl::AsciiStrToUpper(options.role), &role);  // the command line was checked
  request.set_role(role);
  request.set_name(options.name);
  if (!options.expires.empty()) {
    const absl::StatusOr<absl::Time> expiry = ExpiryOf(options.expires);
    if (!expiry.ok()) return expiry.status();
    request.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(*expiry));
  }
  const auto created = Ask(context, &v1::TokenService::Stub::CreateToken, request);
  if (!created.ok()) return created.status();
  if (!options.out.empty()) {
    if (absl::Status written = WriteSecretFile(options.out, created->secret()); !written.ok()) return written;
  }
  absl::StatusOr<std::string> link = "";
  if (role != v1::WORKER) link = LoginLink(context, created->token().id());
  if (ErrorReason(link.status()) == "NO_GATEWAY") link = "";
  if (options.json) {
    Json json = TokenJson(created->token());
    if (options.out.empty()) json["secret"] = created->secret();
    if (link.ok() && !link->empty()) json["login_link"] = *link;
    PrintJson(json);
  } else {
    std::printf("%s\n", options.out.empty() ? created->secret().c_str() : options.out.c_str());
    // Not with the token: scripts read that.
    if (link.ok() && !link->empty()) {
      std::fprintf(stderr, "log in with a browser (once, within a day): %s\n", link->c_str());
    }
  }
  return link.status();
}

absl::Status ListTokens(const Context& context, const ListTokensOptions& options) {
  Json json = {{"tokens", Json::array()}};
  Table table({"id", "name", "role", "created", "expires", "revoked"});
  v1::ListTokensRequest request;
  do {
    const auto page = Ask(context, &v1::TokenService::Stub::ListTokens, request);
    if (!page.ok()) return page.status();
    for (const v1::Token& token : page->tokens()) {
      json["tokens"].push_back(TokenJson(token));
      table.Add({absl::StrCat(token.id()), token.name(), RoleName(token.role()), TimeText(token.created_at()),
                 token.has_expires_at() ? TimeText(token.expires_at()) : "never",
                 token.has_revoked_at() ? TimeText(token.revoked_at()) : ""});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

// By id, or by name. Errors: NOT_FOUND.
absl::StatusOr<v1::Token> FindToken(const Context& context, const std::string& which) {
  v1::ListTokensRequest request;
  do {
    const auto page = Ask(context, &v1::TokenService::Stub::ListTokens, request);
    if (!page.ok()) return page.status();
    for (const v1::Token& token : page->tokens()) {
      if (token.name() == which || absl::StrCat(token.id()) == which) return token;
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return absl::NotFoundError(absl::StrCat("there is no token ", which, ": `loupe token list` names them"));
}

absl::Status MakeLink(const Context& context, const LinkOptions& options) {
  int64_t id = 0;
  if (!options.token.empty()) {
    const absl::StatusOr<v1::Token> token = FindToken(context, options.token);
    if (!token.ok()) return token.status();
    id = token->id();
  }
  const absl::StatusOr<std::string> link = LoginLink(context, id);
  if (link.ok()) std::printf("%s\n", link->c_str());
  return link.status();
}

absl::Status Revoke(const Context& context, const RevokeOptions& options) {
  const absl::StatusOr<v1::Token> token = FindToken(context, options.token);
  if (!token.ok()) return token.status();
  v1::RevokeTokenRequest request;
  request.set_id(token->id());
  const auto revoked = Ask(context, &v1::TokenService::Stub::RevokeToken, request);
  if (revoked.ok()) std::printf("token %s is refused from now on\n", Printable(token->name()).c_str());
  return revoked.status();
}

}  // namespace

void AddTokenCommands(CLI::App& parent, Action& action) {
  CLI::App* token = parent.add_subcommand("token", "Who may call the coordinator");

  auto create = std::make_shared<CreateTokenOptions>();
  CLI::App* command = token->add_subcommand("create", "Make a token; it is shown once");
  command->add_option("--role", create->role, "What the token may do")
      ->required()
      ->check(CLI::IsMember({"annotator", "engineer", "viewer", "worker", "admin"}));
  command->add_option("--name", create->name, "Shown as the author of labels; default: role and number");
  command->add_option("--out", create->out,
                      "Write it to this new file, readable by its owner alone, instead of showing it");
  command
      ->add_option("--expires", create->expires,
                   "Refuse it after this time: 12h, 30d, 8w, or a day as 2030-12-31; default: never")
      ->check([](const std::string& time) {
        return time.empty() ? std::string("is empty: leave it out for a token that never expires") : "";
      });
  command->add_flag("--json", create->json, "Print JSON");
  OnChosen(command, action, create, CreateToken);

  auto link = std::make_shared<LinkOptions>();
  command = token->add_subcommand("link", "Make a link that logs in with a browser, once, within a day");
  command->add_option("token", link->token,
                      "Whose: a name or id from `loupe token list`, which takes an admin; default: your own");
  OnChosen(command, action, link, MakeLink);

  auto list = std::make_shared<ListTokensOptions>();
  command = token->add_subcommand("list", "All tokens, revoked ones too");
  command->add_flag("--json", list->json, "Print JSON");
  OnChosen(command, action, list, ListTokens);

  auto revoke = std::make_shared<RevokeOptions>();
  command = token->add_subcommand("revoke", "Refuse a token from now on");
  command->add_option("token", revoke->token, "Its name or id, from `loupe token list`")->required();
  OnChosen(command, action, revoke, Revoke);
}

}  // namespace loupe
