#include "db/private_postgres/private_postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "absl/time/clock.h"
#include "db/database.h"
#include "db/migrate.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

using testing::HasSubstr;

// Until the condition holds, or a minute is over.
template <typename Condition>
bool Within(Condition condition) {
  for (const absl::Time end = absl::Now() + absl::Minutes(1); absl::Now() < end;) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(20));
  }
  return false;
}

bool Answers(const PrivatePostgres& postgres) {
  return Database(postgres.Url("postgres")).Ping(absl::Seconds(10)).ok();
}

TEST(PrivatePostgresTest, StartsInAFolderThatOnlyRootMayEnterAndKeepsItsDataOverAStop) {
  const TemporaryFolder folder;  // mode 0700
  {
    const auto postgres = PrivatePostgres::Start(folder.path());
    ASSERT_TRUE(postgres.ok()) << postgres.status();
    ASSERT_TRUE(CreateDatabase((*postgres)->Url("postgres"), "kept").ok());
    EXPECT_TRUE(CreateDatabase((*postgres)->Url("postgres"), "kept").ok()) << "made where it is missing";
    ASSERT_TRUE(Migrate((*postgres)->Url("kept")).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "postgres" / "postmaster.pid"))
      << "stopped at the end";
  const auto postgres = PrivatePostgres::Start(folder.path());
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  EXPECT_TRUE(Database((*postgres)->Url("kept")).Ping(absl::Seconds(10)).ok());
}

TEST(PrivatePostgresTest, ALongPathDoesNotMatterToTheSocket) {
  const TemporaryFolder folder;
  const auto deep = folder.path() / std::string(120, 'a');
  std::filesystem::create_directory(deep);
  const auto postgres = PrivatePostgres::Start(deep);
  ASSERT_TRUE(postgres.ok()) << postgres.status();
}

TEST(PrivatePostgresTest, RefusesASecondCoordinatorOnTheFolder) {
  const TemporaryFolder folder;
  const auto first = PrivatePostgres::Start(folder.path());
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = PrivatePostgres::Start(folder.path());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another coordinator"));
}

TEST(PrivatePostgresTest, IsStartedAgainWhenItIsKilled) {
  const TemporaryFolder folder;
  const auto postgres = PrivatePostgres::Start(folder.path());
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  for (int i = 0; i < 3; ++i) {
    const pid_t before = (*postgres)->pid();
    kill(before, SIGKILL);
    ASSERT_TRUE(Within([&] { return (*postgres)->pid() != before && (*postgres)->pid() != 0; }));
    ASSERT_TRUE(Within([&] { return Answers(**postgres); }));
  }
}

// A process that starts PostgreSQL and is killed, as a coordinator may be. Returns once it was.
void StartInAProcessThatIsKilled(const std::filesystem::path& folder) {
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto postgres = PrivatePostgres::Start(folder);
    const char started = postgres.ok() ? 'y' : 'n';
    if (write(pipes[1], &started, 1) != 1) _exit(1);
    pause();
  }
  char started = 0;
  ASSERT_EQ(read(pipes[0], &started, 1), 1);
  EXPECT_EQ(started, 'y');
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(PrivatePostgresTest, IsTakenUpAgainAfterTheCoordinatorWasKilled) {
  const TemporaryFolder folder;
  StartInAProcessThatIsKilled(folder.path());
  pid_t left_running = 0;
  std::ifstream(folder.path() / "postgres" / "postmaster.pid") >> left_running;
  ASSERT_EQ(kill(left_running, 0), 0);
  const auto postgres = PrivatePostgres::Start(folder.path());
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  EXPECT_EQ((*postgres)->pid(), left_running);
  kill(left_running, SIGKILL);
  EXPECT_TRUE(Within([&] { return (*postgres)->pid() != left_running && Answers(**postgres); }))
      << "looked after like one's own";
}

TEST(PrivatePostgresTest, APidFileThatNamesAnotherProcessIsStale) {
  const TemporaryFolder folder;
  ASSERT_TRUE(PrivatePostgres::Start(folder.path()).ok());
  for (const char* name : {"postmaster.pid", ".s.PGSQL.5432.lock"}) {
    std::ofstream(folder.path() / "postgres" / name) << getpid() << "\n/somewhere\n1\n5432\n.\n";
  }
  const auto postgres = PrivatePostgres::Start(folder.path());
  ASSERT_TRUE(postgres.ok()) << postgres.status();
}

TEST(PrivatePostgresTest, AFolderThatHoldsSomethingElseIsAnError) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path() / "postgres");
  const auto postgres = PrivatePostgres::Start(folder.path());
  EXPECT_EQ(postgres.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(postgres.status().message()), HasSubstr("move it away"));
}

}  // namespace
}  // namespace loupe
