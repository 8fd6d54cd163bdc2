#include "client/cli/context.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace loupe {
namespace {

namespace fs = std::filesystem;

GlobalOptions Options(const std::string& server, const std::string& token_file, const std::string& ca_cert,
                      const std::string& dir) {
  return {server, token_file, ca_cert, "", dir};
}

class ContextTest : public testing::Test {
 protected:
  ContextTest() {
    std::string name = (fs::temp_directory_path() / "loupe-context-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    Write("server.address", "127.0.0.1:4001\n");
    Write("admin.token", "loupe_of_dir\n");
    Write("mine.token", "loupe_mine\n");
    Write("environment.token", "  loupe_of_environment  \nand more\n");
  }
  ~ContextTest() override { fs::remove_all(dir_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  std::string Path(const std::string& name) const { return (dir_ / name).string(); }

  absl::StatusOr<Endpoint> Resolve(const GlobalOptions& options) const {
    return ResolveEndpoint(options, [this](const char* name) -> const char* {
      const auto found = environment_.find(name);
      return found == environment_.end() ? nullptr : found->second.c_str();
    });
  }

  fs::path dir_;
  std::map<std::string, std::string> environment_;
};

TEST_F(ContextTest, DirAloneFindsServerAndToken) {
  const auto endpoint = Resolve(Options("", "", "", dir_.string()));
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "127.0.0.1:4001");
  EXPECT_EQ(endpoint->token, "loupe_of_dir");
  EXPECT_TRUE(endpoint->ca_cert.empty());
}

TEST_F(ContextTest, EnvironmentAloneIsEnough) {
  environment_ = {{"LOUPE_SERVER", "far:1"},
                  {"LOUPE_TOKEN_FILE", Path("environment.token")},
                  {"LOUPE_CA_CERT", "ca.pem"}};
  const auto endpoint = Resolve({});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "far:1");
  EXPECT_EQ(endpoint->token, "loupe_of_environment");
  EXPECT_EQ(endpoint->ca_cert, "ca.pem");
}

TEST_F(ContextTest, ATokenOfOnesOwnWinsOverTheAdministratorsOfAFolder) {
  environment_ = {{"LOUPE_TOKEN_FILE", Path("environment.token")}};
  const auto endpoint = Resolve(Options("", "", "", dir_.string()));
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "127.0.0.1:4001");
  EXPECT_EQ(endpoint->token, "loupe_of_environment");
}

TEST_F(ContextTest, OptionWinsOverDirAndDirOverEnvironment) {
  environment_ = {{"LOUPE_SERVER", "far:1"},
                  {"LOUPE_TOKEN_FILE", Path("environment.token")},
                  {"LOUPE_CA_CERT", "ca.pem"}};
  auto endpoint = Resolve(Options("", "", "", dir_.string()));
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "127.0.0.1:4001");
  EXPECT_EQ(endpoint->token, "loupe_of_dir");
  EXPECT_TRUE(endpoint->ca_cert.empty()) << "the coordinator of a folder speaks without TLS";

  endpoint = Resolve(Options("given:2", Path("mine.token"), "given.pem", dir_.string()));
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "given:2");
  EXPECT_EQ(endpoint->token, "loupe_mine");
  EXPECT_EQ(endpoint->ca_cert, "given.pem");
}

TEST_F(ContextTest, AnotherTokenMayComeWithADir) {
  const auto endpoint = Resolve(Options("", Path("mine.token"), "", dir_.string()));
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->address, "127.0.0.1:4001");
  EXPECT_EQ(endpoint->token, "loupe_mine");
}

TEST_F(ContextTest, NothingGivenIsWrongUsage) {
  EXPECT_TRUE(IsUsageError(Resolve({}).status()));
  environment_ = {{"LOUPE_SERVER", "127.0.0.1:1"}};
  EXPECT_TRUE(IsUsageError(Resolve({}).status())) << "no token";
}

TEST_F(ContextTest, WhatIsNamedAndNotThereIsAnErrorButNotOfUsage) {
  for (const GlobalOptions& options :
       {Options("", "", "", Path("nowhere")), Options("127.0.0.1:1", Path("no.token"), "", "")}) {
    const absl::Status status = Resolve(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_FALSE(IsUsageError(status));
  }
}

TEST_F(ContextTest, ProjectComesFromOptionOrEnvironment) {
  const Environment environment = [](const char* name) {
    return std::string(name) == "LOUPE_PROJECT" ? "parts" : nullptr;
  };
  EXPECT_EQ(Context({}, environment).project(), "parts");
  EXPECT_EQ(Context({"", "", "", "castings", ""}, environment).project(), "castings");
}

}  // namespace
}  // namespace loupe
