#include "server/gateway/browser_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/error_info.h"
#include "server/rpc/auth.h"

namespace loupe {
namespace {

using testing::HasSubstr;
using testing::Not;

HttpRequest Asked(std::map<std::string, std::string, std::less<>> headers) {
  HttpRequest request;
  request.method = "POST";
  request.headers = std::move(headers);
  return request;
}

std::string HostProblem(const BrowserRules& rules, const std::string& host) {
  return ErrorReason(rules.CheckHost(Asked({{"host", host}})));
}

std::string OriginProblem(const BrowserRules& rules, const std::string& name, const std::string& value,
                          bool needed = true) {
  return ErrorReason(rules.CheckOrigin(Asked({{"host", "127.0.0.1:8080"}, {name, value}}), needed));
}

TEST(BrowserRulesTest, OnlyNamesOfThisServerAreTaken) {
  const BrowserRules rules = *BrowserRules::Make({"127.0.0.1:8080", "", ""});
  EXPECT_EQ(rules.page_url(), "http://127.0.0.1:8080");
  for (const char* host :
       {"127.0.0.1:8080", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8080", "[::1]"}) {
    EXPECT_EQ(HostProblem(rules, host), "") << host;
  }
  for (const char* host :
       {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "loupe.example.org",
        "127.0.0.1@evil.example", "[::2]", "localhost:evil", "localhost:80:80"}) {
    EXPECT_EQ(HostProblem(rules, host), "WRONG_HOST") << host;
  }
}

TEST(BrowserRulesTest, APageUrlIsANameToo) {
  const BrowserRules rules = *BrowserRules::Make({"127.0.0.1:8080", "", "https://Loupe.example.org/"});
  EXPECT_EQ(rules.page_url(), "https://Loupe.example.org");
  EXPECT_EQ(HostProblem(rules, "loupe.example.org"), "");
  EXPECT_EQ(HostProblem(rules, "other.example.org"), "WRONG_HOST");
  EXPECT_THAT(rules.CookieOf("x", absl::Hours(1)), HasSubstr("; Secure"));
  EXPECT_THAT(rules.CookieOf("x", absl::Hours(1)), testing::StartsWith("__Host-"));
  for (const char* url : {"loupe.example.org", "ftp://x", "https://", "https://x/path", "https://x?y",
                          "http://a b", "https://user@x", "https://x:99999", "https://a\"b.example"}) {
    EXPECT_FALSE(BrowserRules::Make({"127.0.0.1:8080", "", url}).ok()) << url;
  }
}

TEST(BrowserRulesTest, APageOfAnotherOriginDoesNotUseTheCookie) {
  const BrowserRules rules = *BrowserRules::Make({"127.0.0.1:8080", "", ""});
  EXPECT_EQ(OriginProblem(rules, "origin", "http://127.0.0.1:8080"), "");
  EXPECT_EQ(OriginProblem(rules, "sec-fetch-site", "same-origin"), "");
  EXPECT_EQ(OriginProblem(rules, "sec-fetch-site", "none"), "");
  for (const char* origin : {"null", "https://127.0.0.1:8080", "http://127.0.0.1:8081", "http://evil.example",
                             "http://127.0.0.1:8080.evil.example"}) {
    EXPECT_EQ(OriginProblem(rules, "origin", origin), "WRONG_ORIGIN") << origin;
    EXPECT_EQ(OriginProblem(rules, "origin", origin, false), "WRONG_ORIGIN") << origin;
  }
  EXPECT_EQ(OriginProblem(rules, "sec-fetch-site", "cross-site"), "WRONG_ORIGIN");
  EXPECT_EQ(OriginProblem(rules, "sec-fetch-site", "same-site"), "WRONG_ORIGIN");
  EXPECT_EQ(OriginProblem(rules, "x", ""), "WRONG_ORIGIN");
  EXPECT_EQ(OriginProblem(rules, "x", "", false), "") << "a program's";
}

TEST(BrowserRulesTest, TheCookieIsOfThisPortAlone) {
  const BrowserRules rules = *BrowserRules::Make({"127.0.0.1:8080", "", ""});
  EXPECT_EQ(rules.CookieOf("secret", absl::Minutes(1)),
            "loupe_session_8080=secret; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
  EXPECT_THAT(rules.NoCookie(), HasSubstr("Max-Age=0"));
  EXPECT_EQ(rules.SessionOf(Asked({{"cookie", "a=b; loupe_session_8080=secret; c=d"}})), "secret");
  EXPECT_EQ(rules.SessionOf(Asked({{"cookie", "loupe_session_8081=secret"}})), "");
  EXPECT_EQ(rules.SessionOf(Asked({{"cookie", "xloupe_session_8080=secret"}})), "");
  EXPECT_EQ(rules.SessionOf(Asked({{"cookie", "loupe_session_8080=; loupe_session_8080=secret"}})), "secret");
  EXPECT_EQ(rules.SessionOf(Asked({})), "");
}

TEST(BrowserRulesTest, ATokenIsABearer) {
  EXPECT_EQ(BearerToken("Bearer  loupe_x "), "loupe_x");
  EXPECT_EQ(BearerToken("bearer loupe_x"), "loupe_x");
  EXPECT_EQ(BearerToken("Basic loupe_x"), "");
  EXPECT_EQ(BearerToken(""), "");
}

TEST(BrowserRulesTest, NoScriptOfOthersRuns) {
  for (const auto& [name, value] : BrowserRules::Make({"127.0.0.1:8080", "", ""})->Policies()) {
    if (name != "Content-Security-Policy") continue;
    EXPECT_THAT(value, HasSubstr("script-src 'self'"));
    EXPECT_THAT(value, HasSubstr("default-src 'none'"));
    EXPECT_THAT(value, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(value, Not(HasSubstr("unsafe")));
    return;
  }
  FAIL() << "there is no policy";
}

}  // namespace
}  // namespace loupe
