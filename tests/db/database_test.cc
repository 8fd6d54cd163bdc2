#include "db/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <pqxx/except>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/barrier.h"
#include "absl/time/clock.h"
#include "db/migrate.h"
#include "db/stores/needed_blob_store.h"
#include "db/stores/principal_store.h"
#include "db/stores/request_store.h"
#include "db/transaction.h"
#include "proto/error_info.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

using Code = absl::StatusCode;

class DatabaseTest : public testing::Test {
 protected:
  PrincipalId NewPrincipal(const std::string& name) {
    const auto made =
        database_.get().Transact({"principal", absl::Minutes(1)}, [&](Transaction& transaction) {
          return InsertPrincipal(transaction, name, v1::ENGINEER, HashOf(name));
        });
    EXPECT_TRUE(made.ok()) << made.status();
    return PrincipalId(made->id());
  }

  TestDatabase database_;
};

TEST_F(DatabaseTest, AnErrorUndoesEverything) {
  const absl::Status status =
      database_.get().Transact({"undone", absl::Minutes(1)}, [&](Transaction& transaction) -> absl::Status {
        const auto made = InsertPrincipal(transaction, "gone", v1::VIEWER, HashOf("gone"));
        EXPECT_TRUE(made.ok());
        return absl::NotFoundError("no");
      });
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(database_.Sql("SELECT count(*) FROM principal")[0][0].as<int>(), 0);
}

TEST_F(DatabaseTest, ATransactionWhoseResultNobodyWantsEnds) {
  int runs = 0;
  const auto blocked = [&](Transaction& transaction) -> absl::Status {
    LockBlobsForErasure(transaction);
    const absl::Time start = absl::Now();
    TransactionOptions impatient("gone", absl::Minutes(1));
    impatient.gone = [start] { return absl::Now() - start > absl::Milliseconds(300); };
    const absl::Status ended = database_.get().Transact(impatient, [&](Transaction& waiting) {
      ++runs;
      LockBlobsForUse(waiting);
      return absl::OkStatus();
    });
    EXPECT_EQ(ended.code(), Code::kCancelled) << ended;
    EXPECT_LT(absl::Now() - start, absl::Seconds(10));
    return absl::OkStatus();
  };
  EXPECT_TRUE(database_.get().Transact({"holds the lock", absl::Minutes(1)}, blocked).ok());
  EXPECT_EQ(runs, 1) << "it isn't tried again";
  // The server notices, too.
  const std::string kWaiting =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND state = 'active'";
  for (const absl::Time end = absl::Now() + absl::Seconds(10); absl::Now() < end;) {
    if (database_.Sql(kWaiting)[0][0].as<int>() == 0) break;
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_EQ(database_.Sql(kWaiting)[0][0].as<int>(), 0);
}

TEST_F(DatabaseTest, ABodyThatReturnsAbortedRunsAgainAtMostThreeTimes) {
  int runs = 0;
  const auto answer =
      database_.get().Transact({"again", absl::Minutes(1)}, [&](Transaction&) -> absl::StatusOr<int> {
        if (++runs < 3) return absl::AbortedError("not yet");
        return runs;
      });
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(*answer, 3);
  runs = 0;
  const absl::Status never = database_.get().Transact({"never", absl::Minutes(1)}, [&](Transaction&) {
    ++runs;
    return absl::AbortedError("never");
  });
  EXPECT_EQ(never.code(), Code::kAborted);
  EXPECT_EQ(runs, 4);
}

TEST_F(DatabaseTest, ALostConnectionIsMadeAgain) {
  ASSERT_TRUE(database_.get().Ping(absl::Seconds(10)).ok());
  database_.Sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
      "AND datname = current_database()");
  EXPECT_TRUE(database_.get().Ping(absl::Seconds(10)).ok());
  int runs = 0;
  const auto found =
      database_.get().Transact({"lost midway", absl::Minutes(1)}, [&](Transaction& transaction) {
        if (++runs == 1) {
          database_.Sql(
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
              "AND datname = current_database()");
        }
        return absl::StatusOr<std::optional<Principal>>(FindPrincipal(transaction, HashOf("x")));
      });
  EXPECT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(runs, 2);
}

TEST_F(DatabaseTest, NoDatabaseIsUnavailable) {
  Database nowhere("host=/nowhere dbname=none");
  const absl::Status status = nowhere.Ping(absl::Seconds(10));
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(ErrorReason(status), "DATABASE_UNAVAILABLE");
}

TEST_F(DatabaseTest, ThePoolIsBounded) {
  Database small(database_.url(), 1);
  const absl::Status status =
      small.Transact({"holds the only connection", absl::Minutes(1)}, [&](Transaction&) {
        return small.Transact({"waits", absl::Now() + absl::Milliseconds(50)},
                              [](Transaction&) { return absl::OkStatus(); });
      });
  EXPECT_EQ(status.code(), Code::kDeadlineExceeded);
  EXPECT_TRUE(small.Ping(absl::Seconds(10)).ok()) << "the connection came back";
}

TEST_F(DatabaseTest, ARequestHasItsEffectOnceHoweverManySendIt) {
  const PrincipalId principal = NewPrincipal("sender");
  constexpr int kThreads = 6;
  absl::Barrier* barrier = new absl::Barrier(kThreads);
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      if (barrier->Block()) delete barrier;
      const RequestKey key{principal, "one", "Test", HashOf("content")};
      const auto token =
          database_.get().Transact({"effect", absl::Minutes(1)}, [&](Transaction& transaction) {
            return WithRequestId<v1::Token>(transaction, key, [&] {
              return InsertPrincipal(transaction, "", v1::VIEWER,
                                     HashOf(absl::StrCat("secret ", answered.fetch_add(1))));
            });
          });
      EXPECT_TRUE(token.ok()) << token.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(database_.Sql("SELECT count(*) FROM principal WHERE role = 'viewer'")[0][0].as<int>(), 1);
}

TEST_F(DatabaseTest, OldRequestsAreForgotten) {
  const PrincipalId principal = NewPrincipal("sender");
  const auto send = [&](const std::string& id) {
    return database_.get().Transact({"send", absl::Minutes(1)}, [&](Transaction& transaction) {
      return KeepResponse(transaction, {principal, id, "Test", HashOf("content")}, "response");
    });
  };
  ASSERT_TRUE(send("old").ok() && send("older").ok() && send("new").ok());
  database_.Sql("UPDATE request SET created_at = now() - interval '8 days' WHERE request_id LIKE 'old%'");
  for (const int64_t deleted : {1, 1, 0}) {
    const auto forgotten = database_.get().Transact(
        {"forget", absl::Minutes(1)},
        [](Transaction& transaction) { return absl::StatusOr<int64_t>(ForgetOldRequests(transaction, 1)); });
    ASSERT_TRUE(forgotten.ok());
    EXPECT_EQ(*forgotten, deleted);
  }
}

}  // namespace
}  // namespace loupe
