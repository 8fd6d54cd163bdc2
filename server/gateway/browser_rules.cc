#include "server/gateway/browser_rules.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
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

// The names and addresses in the certificate's subjectAltName, names first.
absl::StatusOr<std::vector<std::string>> NamesIn(const std::string& certificate) {
  const std::unique_ptr<BIO, int (*)(BIO*)> text(
      BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size())), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> x509(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr),
                                                    X509_free);
  if (x509 == nullptr) return absl::FailedPreconditionError("--tls-cert holds no certificate in PEM");
  std::vector<std::string> names;
  std::vector<std::string> addresses;
  auto* alternatives =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME& name = *sk_GENERAL_NAME_value(alternatives, i);
    if (name.type == GEN_DNS) {
      const ASN1_IA5STRING& dns = *name.d.dNSName;
      names.push_back(absl::AsciiStrToLower(
          absl::string_view(reinterpret_cast<const char*>(dns.data), static_cast<size_t>(dns.length))));
    } else if (name.type == GEN_IPADD) {
      const ASN1_OCTET_STRING& ip = *name.d.iPAddress;
      char buffer[64];
      if (ip.length == 4) {
        addresses.push_back(absl::StrCat(ip.data[0], ".", ip.data[1], ".", ip.data[2], ".", ip.data[3]));
      } else if (ip.length == 16 && inet_ntop(AF_INET6, ip.data, buffer, sizeof(buffer)) != nullptr) {
        addresses.push_back(buffer);
      }
    }
  }
  GENERAL_NAMES_free(alternatives);
  names.insert(names.end(), addresses.begin(), addresses.end());
  return names;
}

}  // namespace

absl::Status CheckPageUrl(const std::string& url, bool has_tls) {
  absl::string_view rest = url;
  const bool is_secure = absl::ConsumePrefix(&rest, "https://");
  const bool has_scheme = is_secure || absl::ConsumePrefix(&rest, "http://");
  absl::ConsumeSuffix(&rest, "/");
  const std::string host = HostNameOf({rest.data(), rest.size()});
  const std::string port(PortOf({rest.data(), rest.size()}));
  const bool is_host =
      !host.empty() && host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:") == std::string::npos;
  int number = 0;
  const bool is_port = port.empty() || (absl::SimpleAtoi(port, &number) && number > 0 && number < 65536);
  if (!has_scheme || !is_host || !is_port) {
    return absl::InvalidArgumentError(
        absl::StrCat("--page-url: ", url, " is no address of a server, as https://loupe.example.org"));
  }
  if (has_tls && !is_secure) {
    return absl::InvalidArgumentError("--page-url: with --tls-cert people come by https://");
  }
  return absl::OkStatus();
}

absl::StatusOr<BrowserRules> BrowserRules::Make(const BrowserRulesOptions& options) {
  BrowserRules rules;
  const bool has_tls = !options.tls_certificate.empty();
  std::string own = options.listen;
  if (has_tls) {
    const absl::StatusOr<std::vector<std::string>> names = NamesIn(options.tls_certificate);
    if (!names.ok()) return names.status();
    const std::string port(PortOf(options.listen));
    const bool is_any = HostOf(own) == "0.0.0.0" || HostOf(own) == "[::]";  // which nobody can open
    for (const std::string& name : *names) {
      const bool is_wildcard = absl::StartsWith(name, "*.");
      is_wildcard ? rules.wildcards_.insert(name.substr(1)) : rules.hosts_.insert(name);
      if (!is_any || own != options.listen || is_wildcard || IsLoopback(name)) continue;
      const bool is_six = name.find(':') != std::string::npos;
      own = absl::StrCat(is_six ? "[" : "", name, is_six ? "]:" : ":", port);
    }
    if (is_any && own == options.listen && options.page_url.empty()) {
      return absl::InvalidArgumentError(
          "the certificate names no server that people could open: say where they find it with --page-url");
    }
  }
  rules.is_secure_ = has_tls;
  rules.page_url_ = absl::StrCat(has_tls ? "https://" : "http://", own);
  if (!options.page_url.empty()) {
    if (const absl::Status url = CheckPageUrl(options.page_url, has_tls); !url.ok()) return url;
    rules.is_secure_ = absl::StartsWith(options.page_url, "https://");
    rules.page_url_ = std::string(absl::StripSuffix(options.page_url, "/"));
    rules.hosts_.insert(HostNameOf(rules.page_url_.substr(rules.page_url_.find("//") + 2)));
  }
  // Cookies don't tell ports apart: two coordinators on one machine would end each other's sessions.
  const std::string name = absl::StrCat("loupe_session_", std::string(PortOf(options.listen)));
  rules.cookie_ = rules.is_secure_ ? absl::StrCat("__Host-", name) : name;
  return rules;
}

absl::Status BrowserRules::CheckHost(const HttpRequest& request) const {
  const std::string host = HostNameOf(request.Header("host"));
  const bool is_port =
      PortOf(request.Header("host")).find_first_not_of("0123456789") == std::string_view::npos;
  const size_t dot = host.find('.');
  const bool is_known = IsLoopback(host) || hosts_.count(host) != 0 ||
                        (dot != std::string::npos && wildcards_.count(host.substr(dot)) != 0);
  if (is_port && is_known) return absl::OkStatus();
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
               absl::StrCat("a session's cookie counts only for pages of this server: people open ",
                            page_url_, ", programs send `Authorization: Bearer TOKEN`"));
}

std::string BrowserRules::SessionOf(const HttpRequest& request) const {
  const std::string cookies(request.Header("cookie"));
  for (absl::string_view pair : absl::StrSplit(cookies, absl::ByAnyChar(";,"))) {
    pair = absl::StripAsciiWhitespace(pair);
    if (!absl::ConsumePrefix(&pair, cookie_) || !absl::ConsumePrefix(&pair, "=")) continue;
    if (!pair.empty()) return std::string(pair);
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
  return {{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
           "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"},
          {"Cross-Origin-Opener-Policy", "same-origin"},
          {"Cross-Origin-Resource-Policy", "same-origin"}};
}

}  // namespace loupe
