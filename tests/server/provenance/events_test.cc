// WatchEvents: each event once, the events of an image in order, whatever transactions overlap.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <pqxx/nontransaction>
#include <pqxx/transaction>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "db/migrate.h"
#include "proto/error_info.h"
#include "server/provenance/event_watchers.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Messages = std::vector<v1::WatchEventsResponse>;

v1::WatchEventsRequest FromStart() {
  v1::WatchEventsRequest request;
  request.set_from_start(true);
  request.set_until_now(true);
  return request;
}

v1::WatchEventsRequest From(const std::string& cursor) {
  v1::WatchEventsRequest request;
  request.set_cursor(cursor);
  request.set_until_now(true);
  return request;
}

// Of /proc/self/status.
int64_t StatusNumber(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoll(line.substr(field.size()));
  }
  return 0;
}

int64_t ResidentBytes() { return StatusNumber("VmRSS:") * 1024; }

class EventsTest : public LabelingTest {
 protected:
  EventsTest() : stub_of_events_(v1::ProvenanceService::NewStub(coordinator_.channel())) {}

  absl::StatusOr<Messages> Read(const v1::WatchEventsRequest& request) {
    const auto context = NewContext(engineer_);
    const auto reader = stub_of_events_->WatchEvents(context.get(), request);
    Messages messages;
    v1::WatchEventsResponse message;
    while (reader->Read(&message)) messages.push_back(message);
    if (const absl::Status end = FromGrpc(reader->Finish()); !end.ok()) return end;
    return messages;
  }

  // Without the first message, which has no event.
  Messages Events(const v1::WatchEventsRequest& request) {
    absl::StatusOr<Messages> messages = Read(request);
    EXPECT_TRUE(messages.ok()) << messages.status();
    if (!messages.ok() || messages->empty()) return {};
    EXPECT_FALSE(messages->front().has_event());
    messages->erase(messages->begin());
    return *std::move(messages);
  }

  static std::vector<int64_t> Ids(const Messages& messages) {
    std::vector<int64_t> ids;
    for (const v1::WatchEventsResponse& message : messages) ids.push_back(message.event().event_id());
    return ids;
  }

  // Images whose events come, in order.
  static std::vector<int64_t> Images(const Messages& messages) {
    std::vector<int64_t> images;
    for (const v1::WatchEventsResponse& message : messages) images.push_back(message.event().image_id());
    return images;
  }

  int64_t AnswerNext() { return Answer(NextOne(annotator_)); }

  int64_t Answer(const v1::Task& task) {
    v1::SubmitRequest correction = CorrectionOf(task);
    AddBox(correction, 1, 1, 9, 9);
    EXPECT_TRUE(Submit(annotator_, correction).ok());
    return task.image().id();
  }

  template <typename Request>
  void ChangeImage(grpc::Status (v1::ImageService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                  v1::Image*),
                   int64_t image) {
    const auto images = v1::ImageService::NewStub(coordinator_.channel());
    Request request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    if constexpr (!std::is_same_v<Request, v1::RestoreImageRequest>) request.set_reason("blurred");
    EXPECT_TRUE(Rpc(*images, method, engineer_, request).ok());
  }

  // A connection of another writer.
  std::unique_ptr<pqxx::connection> Connect() {
    return std::make_unique<pqxx::connection>(coordinator_.database().url());
  }

  static void AddRevision(pqxx::work& work, int64_t image) {
    work.exec(
        absl::StrCat("SELECT import_revision(", image, ", 1, true, true, '{1,1,5,5}', '{1}', '{false}')"));
  }

  std::unique_ptr<v1::ProvenanceService::Stub> stub_of_events_;
};

TEST_F(EventsTest, TellWhatBecameOfEachBox) {
  Import(2);
  const v1::Task task = NextOne(annotator_);
  v1::SubmitRequest correction = CorrectionOf(task);
  for (const float x : {1, 10, 20}) AddBox(correction, x, 1, x + 5, 9);
  ASSERT_TRUE(Submit(annotator_, correction).ok());
  const v1::Task again = Reopen(annotator_, task.image().id()).value();
  v1::SubmitRequest corrected = Unchanged(again);
  corrected.mutable_boxes()->RemoveLast();
  corrected.mutable_boxes(1)->set_label(2);
  AddBox(corrected, 30, 20, 35, 25);
  ASSERT_TRUE(Submit(annotator_, corrected).ok());
  const int64_t other = 3 - task.image().id();
  ChangeImage(&v1::ImageService::Stub::ExcludeImage, other);
  ChangeImage(&v1::ImageService::Stub::ExcludeImage, other);  // it is already: no event
  ChangeImage(&v1::ImageService::Stub::RestoreImage, other);
  ChangeImage(&v1::ImageService::Stub::RestoreImage, other);
  ChangeImage(&v1::ImageService::Stub::RemoveImage, other);
  ChangeImage(&v1::ImageService::Stub::RemoveImage, other);

  const Messages messages = Events(FromStart());
  ASSERT_EQ(messages.size(), 5U);
  const v1::Event& answer = messages[0].event();
  EXPECT_EQ(answer.author(), "annotator-2");
  EXPECT_EQ(answer.image_id(), task.image().id());
  EXPECT_EQ(answer.file_name(), task.image().file_name());
  EXPECT_EQ(answer.revision_added().number(), 1U);
  EXPECT_EQ(answer.revision_added().standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(answer.revision_added().truth_before(), 0U);
  EXPECT_EQ(answer.revision_added().truth_after(), 1U);
  ASSERT_EQ(answer.revision_added().boxes_size(), 3);
  for (const v1::BoxChange& change : answer.revision_added().boxes()) EXPECT_FALSE(change.has_before());

  const v1::RevisionAdded& change = messages[1].event().revision_added();
  EXPECT_EQ(change.source(), "reopen");
  EXPECT_EQ(change.based_on(), 1U);
  EXPECT_EQ(change.truth_before(), 1U);
  EXPECT_EQ(change.truth_after(), 2U);
  ASSERT_EQ(change.boxes_size(), 3) << "the first box is as it was";
  EXPECT_EQ(change.boxes(0).before().box_id(), again.boxes(1).box_id());
  EXPECT_EQ(change.boxes(0).before().label(), 1U);
  EXPECT_EQ(change.boxes(0).after().box_id(), again.boxes(1).box_id());
  EXPECT_EQ(change.boxes(0).after().label(), 2U);
  EXPECT_EQ(change.boxes(1).before().box().x1(), 20);
  EXPECT_FALSE(change.boxes(1).has_after());
  EXPECT_FALSE(change.boxes(2).has_before());
  EXPECT_EQ(change.boxes(2).after().box().x1(), 30);

  const std::vector<v1::ImageState> states = {v1::USABLE, v1::EXCLUDED, v1::USABLE, v1::REMOVED};
  for (int i = 0; i < 3; ++i) {
    const v1::Event& event = messages[2 + i].event();
    EXPECT_EQ(event.image_id(), other);
    EXPECT_EQ(event.author(), "engineer-1");
    EXPECT_EQ(event.image_state_changed().before(), states[i]);
    EXPECT_EQ(event.image_state_changed().after(), states[i + 1]);
  }
}

TEST_F(EventsTest, TellLateAnswersWithdrawalsAndImages) {
  Import(1);
  const v1::Task task = NextOne(annotator_);
  LetLeasesEnd();
  AnswerNext();
  v1::SubmitRequest late = CorrectionOf(task);
  AddBox(late, 20, 1, 25, 9);
  ASSERT_TRUE(Submit(annotator_, late).ok());
  v1::WithdrawRequest withdraw;
  withdraw.set_request_id(NextRequestId());
  withdraw.set_reviewer("annotator-2");
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Withdraw, engineer_, withdraw).ok());

  const Messages messages = Events(FromStart());
  ASSERT_EQ(messages.size(), 3U);
  const v1::RevisionAdded& kept = messages[1].event().revision_added();
  EXPECT_EQ(kept.standing(), v1::STANDING_LATE);
  EXPECT_EQ(kept.truth_before(), 1U);
  EXPECT_EQ(kept.truth_after(), 1U);
  EXPECT_EQ(kept.boxes_size(), 0);
  const v1::RevisionAdded& withdrawn = messages[2].event().revision_added();
  EXPECT_EQ(withdrawn.standing(), v1::STANDING_WITHDRAWN);
  EXPECT_EQ(withdrawn.based_on(), 1U);
  EXPECT_EQ(withdrawn.truth_after(), 0U);
  ASSERT_EQ(withdrawn.boxes_size(), 1);
  EXPECT_FALSE(withdrawn.boxes(0).has_after());
}

// A transaction may have begun before another one and get the image after it: then the order of transactions
// is not the order of what happened.
TEST_F(EventsTest, OfAnImageComeInTheOrderInWhichItWasLocked) {
  Import(1);
  const auto early = Connect();
  pqxx::work first(*early);
  const auto first_txid = first.exec1("SELECT pg_current_xact_id()")[0].as<uint64_t>();
  const auto other = Connect();
  {
    pqxx::work second(*other);
    EXPECT_GT(second.exec1("SELECT pg_current_xact_id()")[0].as<uint64_t>(), first_txid);
    AddRevision(second, 1);
    second.commit();
  }
  EXPECT_THAT(Events(FromStart()), IsEmpty()) << "an older transaction runs: its events may come before";
  AddRevision(first, 1);
  first.commit();

  const Messages messages = Events(FromStart());
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].event().revision_added().number(), 1U);
  EXPECT_EQ(messages[1].event().revision_added().number(), 2U);
  EXPECT_GT(Number("SELECT min(txid)::text FROM event WHERE id = 1"),
            Number("SELECT min(txid)::text FROM event WHERE id = 2"));
}

TEST_F(EventsTest, OfATransactionThatRunsLongComeOnceItEnds) {
  Import(3);
  const int64_t first = AnswerNext();
  const Messages before = Events(FromStart());
  EXPECT_THAT(Images(before), ElementsAre(first));
  const v1::Task task = NextOne(annotator_);
  const int64_t third = 6 - first - task.image().id();
  const auto other = Connect();
  pqxx::work slow(*other);
  AddRevision(slow, third);
  const int64_t second = Answer(task);
  EXPECT_THAT(Events(From(before.back().cursor())), IsEmpty());
  slow.commit();
  const Messages after = Events(From(before.back().cursor()));
  EXPECT_THAT(Images(after), ElementsAre(third, second)) << "in the order in which they happened";
  EXPECT_THAT(Events(From(after.back().cursor())), IsEmpty());
}

TEST_F(EventsTest, OfATransactionThatFailsNeverCome) {
  Import(1);
  const auto other = Connect();
  {
    pqxx::work failed(*other);
    AddRevision(failed, 1);
  }
  AnswerNext();
  EXPECT_THAT(Ids(Events(FromStart())), ElementsAre(2));
}

class ManyEventsTest : public EventsTest {
 protected:
  static constexpr int kRevisions = 450;  // more than two pages

  ManyEventsTest() {
    Import(10);
    const auto other = Connect();
    pqxx::work work(*other);
    for (int i = 0; i < kRevisions; ++i) AddRevision(work, 1 + i % 10);
    work.commit();
  }
};

TEST_F(ManyEventsTest, AreReadInPagesFromAnyCursor) {
  const Messages all = Events(FromStart());
  ASSERT_EQ(all.size(), kRevisions);
  const std::vector<int64_t> ids = Ids(all);
  for (size_t i = 1; i < ids.size(); ++i) ASSERT_EQ(ids[i], ids[i - 1] + 1);
  // Later events are of other windows, whatever cursor is gone on from.
  Import(1, 10);
  const int64_t image = AnswerNext();
  for (const size_t place : {size_t{0}, size_t{1}, size_t{198}, size_t{199}, size_t{200}, size_t{399},
                             ids.size() - 2, ids.size() - 1}) {
    const Messages rest = Events(From(all[place].cursor()));
    ASSERT_EQ(rest.size(), ids.size() - place) << place;
    EXPECT_EQ(Images(rest).back(), image);
    EXPECT_EQ(Ids(rest).front(), ids[place] + 1);
  }
}

TEST_F(EventsTest, BeginNowUnlessAsked) {
  Import(3);
  AnswerNext();
  v1::WatchEventsRequest now;
  now.set_until_now(true);
  const Messages nothing = Read(now).value();
  ASSERT_EQ(nothing.size(), 1U);
  const int64_t image = AnswerNext();
  EXPECT_THAT(Images(Events(From(nothing.front().cursor()))), ElementsAre(image));
}

TEST_F(EventsTest, ACursorIsOfAProjectAndADatabase) {
  Import(1);
  AnswerNext();
  const std::string good = Events(FromStart()).back().cursor();
  std::string parts;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(good, &parts));
  const std::string ahead = absl::WebSafeBase64Escape(
      absl::StrCat(parts.substr(0, parts.find('.', 2)), ".1.1000000000000.1000000000000.0.0"));
  for (const std::string& bad : {std::string("?"), std::string("MQ"), good.substr(1), ahead}) {
    EXPECT_EQ(ErrorReason(Read(From(bad)).status()), "BAD_CURSOR") << bad;
  }
  MakeProject(coordinator_.channel(), engineer_, "others", 0);
  v1::WatchEventsRequest request = From(good);
  request.set_project("others");
  const absl::Status refused = Read(request).status();
  EXPECT_EQ(ErrorReason(refused), "BAD_CURSOR");
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("of another project"));
  request.set_project("parts");
  EXPECT_THAT(Events(request), IsEmpty());
}

// After a crash PostgreSQL gives numbers of transactions again that left nothing on the disk: an event may
// come with any of them.
TEST_F(EventsTest, ACursorIsNotAheadOfTransactionsThatLeftNothing) {
  Import(1);
  AnswerNext();
  for (int i = 0; i < 3; ++i) coordinator_.database().Sql("BEGIN; SELECT pg_current_xact_id(); ROLLBACK");
  v1::WatchEventsRequest now;
  now.set_until_now(true);
  for (const std::string& cursor : {Events(FromStart()).back().cursor(), Read(now)->front().cursor()}) {
    std::string text;
    ASSERT_TRUE(absl::WebSafeBase64Unescape(cursor, &text));
    const std::vector<std::string> parts = absl::StrSplit(text, '.');
    EXPECT_EQ(std::stoll(parts.at(4)), Number("SELECT txid::text::bigint + 1 FROM event")) << text;
  }
}

// A database server that was just made counts its transactions from the beginning: those of the events are
// still to come there.
TEST_F(EventsTest, AreThereInADatabaseThatWasRestoredElsewhere) {
  Import(3);
  coordinator_.database().Sql(
      "DO $$ BEGIN FOR i IN 1..5000 LOOP BEGIN PERFORM pg_current_xact_id(); UPDATE project SET seed = seed; "
      "EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$");
  AnswerNext();
  AnswerNext();
  const Messages before = Events(FromStart());
  const TemporaryFolder folder;
  const auto postgres = PrivatePostgres::Start(folder.path());
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  ASSERT_TRUE(CreateDatabase((*postgres)->Url("postgres"), "restored").ok());
  const std::string url = (*postgres)->Url("restored");
  const auto of_child = [](const std::string& database) {
    return absl::StrCat(" -d '",
                        absl::StrReplaceAll(database, {{"/self/", absl::StrCat("/", getpid(), "/")}}), "'");
  };
  const std::string programs = "$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/";
  ASSERT_EQ(
      std::system(absl::StrCat(programs, "pg_dump --no-acl", of_child(coordinator_.database().url()), " | ",
                               programs, "psql -qX -v ON_ERROR_STOP=1", of_child(url), " > /dev/null")
                      .c_str()),
      0);
  ASSERT_TRUE(Migrate(url).ok());
  {
    pqxx::connection connection(url);
    pqxx::nontransaction work(connection);
    ASSERT_LT(work.exec1("SELECT pg_snapshot_xmax(pg_current_snapshot())")[0].as<int64_t>(),
              Number("SELECT min(txid)::text FROM event"))
        << "nothing is put to the test";
  }
  ServerOptions options;
  options.database_url = url;
  options.blob_folder = folder.path() / "blobs";
  options.checkpoint_key = folder.path() / "checkpoint.key";
  options.listen = "127.0.0.1:0";
  const auto server = Server::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel = grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials());
  stub_of_events_ = v1::ProvenanceService::NewStub(channel);
  EXPECT_EQ(Ids(Events(FromStart())), Ids(before));
  const absl::Status refused = Read(From(before.front().cursor())).status();
  EXPECT_EQ(ErrorReason(refused), "BAD_CURSOR");
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("of this one before it was restored"));
  stub_ = v1::LabelingService::NewStub(channel);
  AnswerNext();
  EXPECT_THAT(Ids(Events(FromStart())), ElementsAre(1, 2, 3));
}

// A stream whose client opens it and never reads.
struct StalledReader {
  StalledReader(Server& server, const std::string& token, int number) : context(NewContext(token)) {
    grpc::ChannelArguments own;
    own.SetInt("loupe.test.connection", number);
    stub = v1::ProvenanceService::NewStub(
        grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), own));
    v1::WatchEventsRequest request;
    request.set_from_start(true);
    reader = stub->WatchEvents(context.get(), request);
  }

  std::unique_ptr<v1::ProvenanceService::Stub> stub;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientReader<v1::WatchEventsResponse>> reader;
};

TEST_F(EventsTest, ReadersThatStopReadingHoldUpNobody) {
  constexpr int kRevisions = 100;
  constexpr int kBoxes = 2000;
  Import(5);
  coordinator_.database().Sql(absl::StrCat(
      "SELECT import_revision(1 + i % 4, 1, true, true, corners, labels, ignores) FROM generate_series(1, ",
      kRevisions,
      ") i, (SELECT array_agg(c) AS corners FROM (SELECT unnest(ARRAY[0, 0, 5, 5]::real[]) AS c FROM "
      "generate_series(1, ",
      kBoxes, ")) corner) c, (SELECT array_fill(1, ARRAY[", kBoxes, "]) AS labels, array_fill(false, ARRAY[",
      kBoxes, "]) AS ignores) l"));
  const int64_t resident = ResidentBytes();
  const int threads = StatusNumber("Threads:");
  std::vector<std::unique_ptr<StalledReader>> stalled;
  for (int i = 0; i < EventWatchers::kMaxWatchersEach; ++i) {
    stalled.push_back(std::make_unique<StalledReader>(coordinator_.server(), engineer_, i));
  }
  for (const auto& reader : stalled) {
    v1::WatchEventsResponse first;
    ASSERT_TRUE(reader->reader->Read(&first));
  }
  EXPECT_EQ(ErrorReason(Read(FromStart()).status()), "TOO_MANY_CALLS");
  // Others read all of it meanwhile, and annotators go on.
  const std::string viewer = coordinator_.Token(v1::VIEWER);
  const auto context = NewContext(viewer);
  const auto reader = stub_of_events_->WatchEvents(context.get(), FromStart());
  v1::WatchEventsResponse message;
  int events = 0;
  for (; reader->Read(&message); events += message.has_event() ? 1 : 0) continue;
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(events, kRevisions);
  const absl::Time began = absl::Now();
  AnswerNext();
  EXPECT_LT(absl::Now() - began, absl::Seconds(5));
  EXPECT_EQ(Number("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"), 0);
  EXPECT_LT(StatusNumber("Threads:"), threads + 40) << "of gRPC";
  EXPECT_LT(ResidentBytes() - resident, 300 << 20) << "all of it for all of them is more than a gigabyte";
  // One of them goes on reading, and has missed nothing.
  events = 0;
  for (; events <= kRevisions && stalled.front()->reader->Read(&message); ++events) continue;
  EXPECT_EQ(events, kRevisions + 1);
  for (const auto& one : stalled) one->context->TryCancel();
}

TEST_F(EventsTest, WatchersThatSeeNothingAskOnceASecond) {
  Import(1);
  std::vector<std::unique_ptr<StalledReader>> watchers;
  std::vector<std::thread> threads;
  std::atomic<int> seen = 0;
  std::vector<std::string> tokens;
  for (int i = 0; i < EventWatchers::kMaxWatchers; ++i) {
    if (i % EventWatchers::kMaxWatchersEach == 0) tokens.push_back(coordinator_.Token(v1::VIEWER));
    watchers.push_back(std::make_unique<StalledReader>(coordinator_.server(), tokens.back(), i));
    threads.emplace_back([&seen, &reader = *watchers.back()->reader] {
      for (v1::WatchEventsResponse message; reader.Read(&message);) seen += message.has_event() ? 1 : 0;
    });
  }
  absl::SleepFor(absl::Seconds(12));  // until connections that are idle have told what they did before
  const std::string count =
      "SELECT sum(xact_commit)::bigint FROM pg_stat_database WHERE datname = current_database()";
  const int64_t before = Number(count);
  absl::SleepFor(absl::Seconds(4));
  EXPECT_LT((Number(count) - before) / 4, 60) << "transactions a second";
  AnswerNext();
  for (int i = 0; i < 200 && seen < EventWatchers::kMaxWatchers; ++i) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(seen, EventWatchers::kMaxWatchers);
  coordinator_.database().Sql("UPDATE principal SET revoked_at = now() WHERE role = 'viewer'");
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(watchers.front()->reader->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace loupe
