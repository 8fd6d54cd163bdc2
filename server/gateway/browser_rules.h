// What keeps other sites' pages from acting in a browser that is logged in here: names of this server,
// origins, the session's cookie, and the policies that go with every answer.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/gateway/http_exchange.h"

namespace loupe {

struct BrowserRulesOptions {
  std::string listen;           // HOST:PORT, as it is listened on
  std::string tls_certificate;  // PEM; empty: no TLS
  std::string page_url;         // where people find the pages; empty: at `listen`
};

// Errors: INVALID_ARGUMENT (`url` is no http:// or https:// address of a server, or not https:// with TLS).
absl::Status CheckPageUrl(const std::string& url, bool has_tls);

class BrowserRules {
 public:
  // Errors: INVALID_ARGUMENT (page_url, or it is needed), FAILED_PRECONDITION (the certificate can't be
  // read).
  static absl::StatusOr<BrowserRules> Make(const BrowserRulesOptions& options);

  // Where the pages are, without a slash at the end: `http://127.0.0.1:8080`.
  const std::string& page_url() const { return page_url_; }

  // Another name in Host than those of this server: a page of that name may be in the browser, and its
  // address may have been turned to this server (DNS rebinding). Errors: PERMISSION_DENIED (WRONG_HOST).
  absl::Status CheckHost(const HttpRequest& request) const;

  // What a browser says about the page that sends a request with the session's cookie. `needed`: refuse also
  // where it says nothing. Errors: PERMISSION_DENIED (WRONG_ORIGIN).
  absl::Status CheckOrigin(const HttpRequest& request, bool needed) const;

  // The session's secret; empty: none.
  std::string SessionOf(const HttpRequest& request) const;

  // Values of Set-Cookie.
  std::string CookieOf(const std::string& secret, absl::Duration lasts) const;
  std::string NoCookie() const;

  // Headers of every answer.
  HttpHeaders Policies() const;

 private:
  std::string page_url_;
  std::set<std::string> hosts_;      // in lower case, without ports; loopback's names always count
  std::set<std::string> wildcards_;  // of the certificate: `.example.org` for *.example.org
  std::string cookie_;               // its name
  bool is_secure_ = false;           // people come by https
};

}  // namespace loupe
