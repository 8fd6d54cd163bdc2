#include "server/sessions/log_in.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "loupe/v1/project.grpc.pb.h"
#include "loupe/v1/session.grpc.pb.h"
#include "loupe/v1/token.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/support/coordinator.h"

namespace loupe {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kPageUrl[] = "https://loupe.example.org";

class LogInTest : public testing::Test {
 protected:
  absl::StatusOr<Login> TryToken(const std::string& token) {
    return LogIn(Db(), {.token = token, .link = ""}, "Browser/1 \n\x01", absl::Now() + absl::Minutes(1));
  }
  absl::StatusOr<Login> TryLink(const std::string& link) {
    return LogIn(Db(), {.token = "", .link = link}, "Browser/1", absl::Now() + absl::Minutes(1));
  }

  // A secret for the holder of `token`, or what went wrong.
  absl::StatusOr<std::string> Link(const std::string& caller, int64_t token_id = 0) {
    v1::CreateLoginLinkRequest request;
    request.set_token_id(token_id);
    const auto made = Rpc(sessions_, &v1::SessionService::Stub::CreateLoginLink, caller, request);
    if (!made.ok()) return made.status();
    EXPECT_THAT(made->url(), StartsWith(absl::StrCat(kPageUrl, "/#link=")));
    return made->url().substr(made->url().find('=') + 1);
  }

  absl::StatusOr<v1::ListSessionsResponse> Sessions(const std::string& caller) {
    return Rpc(sessions_, &v1::SessionService::Stub::ListSessions, caller, v1::ListSessionsRequest());
  }

  Database& Db() { return coordinator_.database().get(); }

  TestCoordinator coordinator_{1, kPageUrl};
  v1::SessionService::Stub sessions_{coordinator_.channel()};
  v1::TokenService::Stub tokens_{coordinator_.channel()};
  const std::string admin_ = coordinator_.Token(v1::ADMIN);
  const std::string annotator_ = coordinator_.Token(v1::ANNOTATOR);
};

TEST_F(LogInTest, ATokenBecomesASessionWithItsRole) {
  const auto login = TryToken(annotator_);
  ASSERT_TRUE(login.ok()) << login.status();
  EXPECT_THAT(login->secret, StartsWith("loupe_session_"));
  const auto listed = Sessions(login->secret);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->caller().role(), v1::ANNOTATOR);
  ASSERT_EQ(listed->sessions_size(), 1);
  EXPECT_TRUE(listed->sessions(0).is_current());
  EXPECT_EQ(listed->sessions(0).client(), "Browser/1 ");
  EXPECT_FALSE(Sessions(annotator_)->sessions(0).is_current());
  EXPECT_EQ(Sessions(admin_)->sessions_size(), 0) << "of one's own alone";
  v1::ProjectService::Stub projects(coordinator_.channel());
  EXPECT_TRUE(
      Rpc(projects, &v1::ProjectService::Stub::ListProjects, login->secret, v1::ListProjectsRequest()).ok());
  EXPECT_EQ(
      ErrorReason(
          Rpc(tokens_, &v1::TokenService::Stub::ListTokens, login->secret, v1::ListTokensRequest()).status()),
      "WRONG_ROLE");
}

TEST_F(LogInTest, OnlyATokenOrALinkLogsIn) {
  EXPECT_EQ(ErrorReason(TryToken("loupe_nobody").status()), "UNKNOWN_TOKEN");
  EXPECT_EQ(ErrorReason(TryLink("loupe_nobody").status()), "BAD_LINK");
  EXPECT_EQ(ErrorReason(TryLink(annotator_).status()), "BAD_LINK") << "a token is no link";
  EXPECT_EQ(ErrorReason(TryToken(*Link(annotator_)).status()), "UNKNOWN_TOKEN") << "a link is no token";
  EXPECT_EQ(ErrorReason(LogIn(Db(), {.token = "", .link = ""}, "", absl::Now() + absl::Minutes(1)).status()),
            "INVALID_ARGUMENT");
  EXPECT_EQ(
      ErrorReason(LogIn(Db(), {.token = "a", .link = "b"}, "", absl::Now() + absl::Minutes(1)).status()),
      "INVALID_ARGUMENT");
}

TEST_F(LogInTest, ALinkLogsInOnce) {
  const std::string link = *Link(annotator_);
  const auto login = TryLink(link);
  ASSERT_TRUE(login.ok()) << login.status();
  EXPECT_EQ(Sessions(login->secret)->caller().role(), v1::ANNOTATOR);
  EXPECT_EQ(ErrorReason(TryLink(link).status()), "BAD_LINK");
}

TEST_F(LogInTest, ASessionMakesNoOther) {
  const std::string secret = TryToken(annotator_)->secret;
  EXPECT_EQ(ErrorReason(TryToken(secret).status()), "UNKNOWN_TOKEN");
  EXPECT_EQ(ErrorReason(Link(secret).status()), "SESSION_MAKES_NO_LINK");
  EXPECT_TRUE(Link(TryToken(admin_)->secret, Sessions(annotator_)->caller().id()).ok());
}

TEST_F(LogInTest, AnExpiredLinkDoesNot) {
  const std::string link = *Link(annotator_);
  coordinator_.database().Sql("UPDATE login_link SET expires_at = now() - interval '1 second'");
  EXPECT_EQ(ErrorReason(TryLink(link).status()), "BAD_LINK");
}

TEST_F(LogInTest, AnAdminMakesLinksForOthers) {
  const int64_t id = Sessions(annotator_)->caller().id();
  EXPECT_EQ(Sessions(TryLink(*Link(admin_, id))->secret)->caller().id(), id);
  EXPECT_EQ(ErrorReason(Link(annotator_, Sessions(admin_)->caller().id()).status()), "WRONG_ROLE");
  EXPECT_EQ(ErrorReason(Link(admin_, 999).status()), "NO_SUCH_TOKEN");
}

TEST_F(LogInTest, ASessionEndsWithItsToken) {
  const int64_t id = Sessions(annotator_)->caller().id();
  const std::string secret = TryToken(annotator_)->secret;
  const std::string link = *Link(annotator_);
  ASSERT_TRUE(Sessions(secret).ok());
  v1::RevokeTokenRequest request;
  request.set_id(id);
  ASSERT_TRUE(Rpc(tokens_, &v1::TokenService::Stub::RevokeToken, admin_, request).ok());
  absl::SleepFor(absl::Milliseconds(1100));  // for so long a look-up counts
  EXPECT_EQ(ErrorReason(Sessions(secret).status()), "SESSION_ENDED");
  EXPECT_EQ(ErrorReason(TryToken(annotator_).status()), "REVOKED_TOKEN");
  EXPECT_FALSE(TryLink(link).ok());
  EXPECT_EQ(ErrorReason(Link(admin_, id).status()), "REVOKED_TOKEN");
}

TEST_F(LogInTest, ASessionDoesNotOutliveItsToken) {
  coordinator_.database().Sql(
      absl::StrCat("UPDATE principal SET expires_at = now() + interval '1 hour' WHERE id = ",
                   Sessions(annotator_)->caller().id()));
  const auto login = TryToken(annotator_);
  EXPECT_LE(login->expires_at, absl::Now() + absl::Hours(1));
  EXPECT_GT(TryToken(admin_)->expires_at, absl::Now() + absl::Hours(13 * 24));
}

TEST_F(LogInTest, ASessionThatEndedIsRefused) {
  const std::string first = TryToken(annotator_)->secret;
  const std::string second = TryToken(annotator_)->secret;
  const std::string third = TryToken(annotator_)->secret;
  ASSERT_EQ(Sessions(first)->sessions_size(), 3);
  v1::EndSessionRequest request;
  request.set_id(Sessions(second)->sessions(1).id());
  EXPECT_EQ(ErrorReason(Rpc(sessions_, &v1::SessionService::Stub::EndSession, admin_, request).status()),
            "NO_SUCH_SESSION")
      << "of one's own alone";
  EXPECT_TRUE(Rpc(sessions_, &v1::SessionService::Stub::EndSession, first, request).ok());
  EXPECT_TRUE(LogOut(Db(), third, absl::Now() + absl::Minutes(1)).ok());
  EXPECT_TRUE(LogOut(Db(), third, absl::Now() + absl::Minutes(1)).ok()) << "twice does no harm";
  absl::SleepFor(absl::Milliseconds(1100));
  EXPECT_EQ(Sessions(first)->sessions_size(), 1);
  EXPECT_EQ(ErrorReason(Sessions(second).status()), "SESSION_ENDED");
  EXPECT_EQ(ErrorReason(Sessions(third).status()), "SESSION_ENDED");
  coordinator_.database().Sql("UPDATE session SET expires_at = now()");
  absl::SleepFor(absl::Milliseconds(1100));
  EXPECT_EQ(ErrorReason(Sessions(first).status()), "SESSION_ENDED");
}

TEST_F(LogInTest, TheOldestOfFiftySessionsEnds) {
  const std::string first = TryToken(annotator_)->secret;
  for (int i = 0; i < 49; ++i) ASSERT_TRUE(TryToken(annotator_).ok());
  EXPECT_EQ(Sessions(annotator_)->sessions_size(), 50);
  const std::string last = TryToken(annotator_)->secret;
  EXPECT_EQ(Sessions(last)->sessions_size(), 50);
  EXPECT_EQ(ErrorReason(Sessions(first).status()), "SESSION_ENDED");
}

TEST(LogInWithoutPagesTest, ThereAreNoLinks) {
  TestCoordinator coordinator;
  v1::SessionService::Stub sessions(coordinator.channel());
  const auto made = Rpc(sessions, &v1::SessionService::Stub::CreateLoginLink, coordinator.Token(v1::ADMIN),
                        v1::CreateLoginLinkRequest());
  EXPECT_EQ(ErrorReason(made.status()), "NO_GATEWAY");
}

}  // namespace
}  // namespace loupe
