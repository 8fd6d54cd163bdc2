#include "server/gateway/browser_rules.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "content/loopback.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

std::string HostNameOf(std::string_view address) {
  return absl::AsciiStrToLower(std::string(WithoutBrackets(HostOf(address))));
}

// The names and addresses in the certificate's subjectAltName.
absl::StatusOr<std::set<std::string>> NamesIn(const std::string& certificate) {
  const std::unique_ptr<BIO, int (*)(BIO*)> text(
      BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size())), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> x509(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr),
                                                    X509_free);
  if (x509 == nullptr) return absl::FailedPreconditionError("--tls-cert holds no certificate in PEM");
  std::set<std::string> names;
  auto* alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME& name = *sk_GENERAL_NAME_value(alternatives, i);
    if (name.type == GEN_DNS) {
      const ASN1_IA5STRING& dns = *name.d.dNSName;
      names.insert(absl::AsciiStrToLower(
          absl::string_view(reinterpret_cast<const char*>(dns.data), static_cast<size_t>(dns.length))));
    } else if (name.type == GEN_IPADD) {
      const ASN1_OCTET_STRING& ip = *name.d.iPAddress;
      char buffer[64];
      if (ip.length == 4) {
        names.insert(absl::StrCat(ip.data[0], ".", ip.data[1], ".", ip.data[2], ".", ip.data[3]));
      } else if (ip.length == 16 && inet_ntop(AF_INET6, ip.data, buffer, sizeof(buffer)) != nullptr) {
        names.insert(buffer);
      }
    }
  }
  GENERAL_NAMES_free(alternatives);
  return names;
}

}  // namespace

absl::StatusOr<BrowserRules> BrowserRules::Make(const BrowserRulesOptions& options) {
  BrowserRules rules;
  rules.is_secure_ = !options.tls_certificate.empty();
  if (rules.is_secure_) {
    const absl::StatusOr<std::set<std::string>> names = NamesIn(options.tls_certificate);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      absl::StartsWith(name, "*.") ? rules.wildcards_.insert(name.substr(1)) : rules.hosts_.insert(name);
    }
  }
  std::string address = options.listen;
  const std::string_view host = HostOf(address);
  if ((host == "0.0.0.0" || host == "[::]") && !rules.hosts_.empty()) {  // nobody can open these
    address = absl::StrCat(*rules.hosts_.rbegin(), ":", std::string(PortOf(options.listen)));
  }
  rules.page_url_ = absl::StrCat(rules.is_secure_ ? "https://" : "http://", address);
  if (!options.page_url.empty()) {
    absl::string_view rest = options.page_url;
    rules.is_secure_ = absl::ConsumePrefix(&rest, "https://");
    const bool has_scheme = rules.is_secure_ || absl::ConsumePrefix(&rest, "http://");
    absl::ConsumeSuffix(&rest, "/");
    if (!has_scheme || rest.empty() || rest.find_first_of("/?#@ ") != absl::string_view::npos) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--page-url: ", options.page_url, " is no address of a server, as https://loupe.example.org"));
    }
    rules.page_url_ = std::string(absl::StripSuffix(options.page_url, "/"));
    rules.hosts_.insert(HostNameOf({rest.data(), rest.size()}));
  }
  // Cookies don't tell ports apart: two coordinators on one machine would end each other's sessions.
  const std::string name = absl::StrCat("loupe_session_", std::string(PortOf(options.listen)));
  rules.cookie_ = rules.is_secure_ ? absl::StrCat("__Host-", name) : name;
  return rules;
}

absl::Status BrowserRules::CheckHost(const HttpRequest& request) const {
  const std::string host = HostNameOf(request.Header("host"));
  if (IsLoopback(host) || hosts_.count(host) != 0) return absl::OkStatus();
  const size_t dot = host.find('.');
  if (dot != std::string::npos && wildcards_.count(host.substr(dot)) != 0) return absl::OkStatus();
  return Error(
      absl::StatusCode::kPermissionDenied, "WRONG_HOST",
      "this server has another name: use one that its certificate holds, or start it with --page-url");
}

absl::Status BrowserRules::CheckOrigin(const HttpRequest& request, bool needed) const {
  const std::string_view origin = request.Header("origin");
  const std::string_view site = request.Header("sec-fetch-site");
  const std::string host = absl::AsciiStrToLower(std::string(request.Header("host")));
  const bool fits = origin.empty() ? (site.empty() ? !needed : site == "same-origin" || site == "none")
                                   : absl::AsciiStrToLower(std::string(origin)) ==
                                         absl::StrCat(is_secure_ ? "https://" : "http://", host);
  if (fits) return absl::OkStatus();
  return Error(absl::StatusCode::kPermissionDenied, "WRONG_ORIGIN",
               "a session's cookie counts only for pages of this server: programs send "
               "`Authorization: Bearer TOKEN`");
}

std::string BrowserRules::SessionOf(const HttpRequest& request) const {
  const std::string cookies(request.Header("cookie"));
  for (absl::string_view pair : absl::StrSplit(cookies, absl::ByAnyChar(";,"))) {
    pair = absl::StripAsciiWhitespace(pair);
    if (absl::ConsumePrefix(&pair, cookie_) && absl::ConsumePrefix(&pair, "=")) return std::string(pair);
  }
  return "";
}

std::string BrowserRules::CookieOf(const std::string& secret, absl::Duration lasts) const {
  return absl::StrCat(cookie_, "=", secret,
                      "; Path=/; HttpOnly; SameSite=Strict; Max-Age=", absl::ToInt64Seconds(lasts),
                      is_secure_ ? "; Secure" : "");
}

std::string BrowserRules::NoCookie() const { return CookieOf("", absl::ZeroDuration()); }

HttpHeaders BrowserRules::Policies() const {
  HttpHeaders headers = {{"Content-Security-Policy",
                          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
                          "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
                         {"X-Content-Type-Options", "nosniff"},
                         {"Referrer-Policy", "no-referrer"},
                         {"Cross-Origin-Opener-Policy", "same-origin"},
                         {"Cross-Origin-Resource-Policy", "same-origin"}};
  if (is_secure_) headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
  return headers;
}

std::string BearerTokenOf(const HttpRequest& request) {
  constexpr absl::string_view kScheme = "Bearer ";
  const std::string value(request.Header("authorization"));
  if (!absl::StartsWithIgnoreCase(value, kScheme)) return "";
  return std::string(absl::StripAsciiWhitespace(absl::string_view(value).substr(kScheme.size())));
}

}  // namespace loupe
