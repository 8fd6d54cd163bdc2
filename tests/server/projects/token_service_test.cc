#include "server/projects/token_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/support/coordinator.h"

namespace loupe {
namespace {

using TokenStub = v1::TokenService::Stub;

class TokenServiceTest : public testing::Test {
 protected:
  static TestCoordinator& Coordinator() {
    static TestCoordinator coordinator;
    return coordinator;
  }

  v1::CreateTokenRequest NewToken(v1::Role role, const std::string& name) {
    v1::CreateTokenRequest request;
    request.set_request_id(NextRequestId());
    request.set_role(role);
    request.set_name(name);
    return request;
  }

  const std::string admin_ = Coordinator().Token(v1::ADMIN);
  std::unique_ptr<TokenStub> stub_ = v1::TokenService::NewStub(Coordinator().channel());
};

TEST_F(TokenServiceTest, ANewTokenOpensTheDoorUntilItIsRevoked) {
  const auto made = Rpc(*stub_, &TokenStub::CreateToken, admin_, NewToken(v1::ADMIN, "second"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT(made->secret(), testing::MatchesRegex("loupe_[A-Za-z0-9_-]{43}"));
  EXPECT_TRUE(Rpc(*stub_, &TokenStub::ListTokens, made->secret(), v1::ListTokensRequest()).ok());

  v1::RevokeTokenRequest revoke;
  revoke.set_id(made->token().id());
  ASSERT_TRUE(Rpc(*stub_, &TokenStub::RevokeToken, admin_, revoke).ok());
  EXPECT_TRUE(Rpc(*stub_, &TokenStub::RevokeToken, admin_, revoke).ok()) << "twice does no harm";
  // It may be remembered for a second.
  absl::Status refused;
  for (const absl::Time end = absl::Now() + absl::Seconds(10); absl::Now() < end && refused.ok();) {
    refused = Rpc(*stub_, &TokenStub::ListTokens, made->secret(), v1::ListTokensRequest()).status();
  }
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ErrorReason(refused), "REVOKED_TOKEN");
}

TEST_F(TokenServiceTest, ARepeatedRequestMakesOneTokenAndKeepsItsSecret) {
  const v1::CreateTokenRequest request = NewToken(v1::VIEWER, "");
  const auto first = Rpc(*stub_, &TokenStub::CreateToken, admin_, request);
  const auto second = Rpc(*stub_, &TokenStub::CreateToken, admin_, request);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->token().id(), second->token().id());
  EXPECT_EQ(first->token().name(), "viewer-" + std::to_string(first->token().id()));
  EXPECT_NE(first->secret(), "");
  EXPECT_EQ(second->secret(), "");
}

TEST_F(TokenServiceTest, OnlyTheHashIsKept) {
  const auto made = Rpc(*stub_, &TokenStub::CreateToken, admin_, NewToken(v1::VIEWER, "hashed"));
  ASSERT_TRUE(made.ok());
  const auto found = Coordinator().database().Sql("SELECT count(*) FROM request WHERE position('" +
                                                  made->secret() + "'::bytea IN response) > 0");
  EXPECT_EQ(found[0][0].as<int>(), 0);
}

TEST_F(TokenServiceTest, RefusesWhatIsNotAToken) {
  const auto reason = [&](const v1::CreateTokenRequest& request) {
    const auto made = Rpc(*stub_, &TokenStub::CreateToken, admin_, request);
    return std::make_pair(made.status().code(), ErrorReason(made.status()));
  };
  using Code = absl::StatusCode;
  EXPECT_EQ(reason(NewToken(v1::ROLE_UNSPECIFIED, "a")).first, Code::kInvalidArgument);
  EXPECT_EQ(reason(NewToken(static_cast<v1::Role>(77), "a")).first, Code::kInvalidArgument);
  EXPECT_EQ(reason(NewToken(v1::VIEWER, std::string(101, 'x'))).first, Code::kInvalidArgument);
  EXPECT_EQ(reason(NewToken(v1::VIEWER, std::string("a\0b", 3))).first, Code::kInvalidArgument);
  ASSERT_EQ(reason(NewToken(v1::VIEWER, "taken")).first, Code::kOk);
  EXPECT_EQ(reason(NewToken(v1::VIEWER, "taken")),
            std::make_pair(Code::kAlreadyExists, std::string("TOKEN_EXISTS")));
  v1::CreateTokenRequest nameless = NewToken(v1::VIEWER, "");
  nameless.clear_request_id();
  EXPECT_EQ(reason(nameless).first, Code::kInvalidArgument);
}

TEST(LastAdminTest, CannotBeRevoked) {
  TestCoordinator coordinator;
  const auto stub = v1::TokenService::NewStub(coordinator.channel());
  const std::string admin = coordinator.Token(v1::ADMIN);
  v1::RevokeTokenRequest request;
  request.set_id(1);
  const auto revoked = Rpc(*stub, &TokenStub::RevokeToken, admin, request);
  EXPECT_EQ(revoked.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(revoked.status()), "LAST_ADMIN");
  request.set_id(99);
  EXPECT_EQ(ErrorReason(Rpc(*stub, &TokenStub::RevokeToken, admin, request).status()), "NO_SUCH_TOKEN");
}

TEST_F(TokenServiceTest, ATokenIsRefusedOnceItHasExpired) {
  v1::CreateTokenRequest request = NewToken(v1::VIEWER, "short");
  request.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(absl::Now() + absl::Seconds(3)));
  const auto made = Rpc(*stub_, &TokenStub::CreateToken, admin_, request);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->token().expires_at().seconds(), request.expires_at().seconds());
  const auto projects = v1::ProjectService::NewStub(Coordinator().channel());
  const auto list = [&] {
    return Rpc(*projects, &v1::ProjectService::Stub::ListProjects, made->secret(), v1::ListProjectsRequest())
        .status();
  };
  EXPECT_TRUE(list().ok());
  absl::Status refused;
  for (const absl::Time end = absl::Now() + absl::Seconds(15); absl::Now() < end && refused.ok();) {
    refused = list();
  }
  EXPECT_EQ(ErrorReason(refused), "EXPIRED_TOKEN");

  request = NewToken(v1::VIEWER, "past");
  request.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(absl::Now() - absl::Seconds(3)));
  EXPECT_EQ(Rpc(*stub_, &TokenStub::CreateToken, admin_, request).status().code(),
            absl::StatusCode::kInvalidArgument);
  request.set_request_id(NextRequestId());
  request.mutable_expires_at()->set_seconds(int64_t{1} << 60);
  EXPECT_EQ(Rpc(*stub_, &TokenStub::CreateToken, admin_, request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace loupe
