// Whatever four people do at once, an image has one truth, and nothing is lost from its history.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "loupe/v1/round.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

constexpr int kPictures = 24;
constexpr int kActs = 60;

class HistoryPropertyTest : public LabelingTest, public testing::WithParamInterface<int> {
 protected:
  HistoryPropertyTest() : LabelingTest(2, 0.3) { Import(kPictures); }

  // What was acknowledged, by anybody.
  void Acknowledge(int64_t revision) {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(acknowledged_.insert(revision).second)
        << "revision " << revision << " was acknowledged twice";
  }

  std::mutex mutex_;
  std::set<int64_t> acknowledged_;
};

// One person with a role, who chooses by chance. Answers that the coordinator refuses for a good reason are
// part of the game; other errors are not.
class Person {
 public:
  Person(std::shared_ptr<grpc::Channel> channel, std::string token, bool engineer, uint64_t seed)
      : channel_(std::move(channel)),
        token_(std::move(token)),
        engineer_(engineer),
        random_(seed),
        labeling_(v1::LabelingService::NewStub(channel_)),
        images_(v1::ImageService::NewStub(channel_)),
        projects_(v1::ProjectService::NewStub(channel_)),
        rounds_(v1::RoundService::NewStub(channel_)) {}

  // Calls `acknowledge` with each revision that was acknowledged.
  template <typename Acknowledge>
  void Act(const Acknowledge& acknowledge) {
    switch (random_() % (engineer_ ? 16 : 6)) {
      case 0:
      case 1:
        return TakeNext();
      case 2:
        return Open(Image());
      case 3:
      case 4:
        return Answer(acknowledge);
      case 5:
        return Skip();
      case 6:
        return Replace();
      case 7:
        return Exclude(Image());
      case 8:
        return Restore(Image());
      case 9:
        return Remove(kPictures - static_cast<int64_t>(random_() % 2));
      case 10:
        return RenameClass();
      case 11:
        return AddClass();
      case 12:
        return RetireClass();
      case 13:
        return Withdraw();
      case 14:
        return UndoWithdrawal();
      default:
        Freeze();
    }
  }

  // Freezes a snapshot. False: the pool had no truth.
  bool Freeze() {
    v1::SubmitRoundRequest request;
    request.set_request_id(NextRequestId());
    const auto queued = Rpc(*rounds_, &v1::RoundService::Stub::SubmitRound, token_, request);
    Expect(queued.status(), {"NO_LABELS"});
    return queued.ok();
  }

 private:
  int64_t Image() { return 1 + static_cast<int64_t>(random_() % kPictures); }

  void Expect(const absl::Status& status, const std::set<std::string>& reasons) {
    if (status.ok()) return;
    EXPECT_THAT(reasons, testing::Contains(ErrorReason(status))) << status;
  }

  void TakeNext() {
    v1::NextTasksRequest request;
    request.set_request_id(NextRequestId());
    request.set_count(1 + random_() % 2);
    request.set_skipped(random_() % 4 == 0);
    const auto taken = Rpc(*labeling_, &v1::LabelingService::Stub::NextTasks, token_, request);
    Expect(taken.status(), {});
    if (!taken.ok()) return;
    for (const v1::Task& task : taken->tasks()) open_.push_back(task);
  }

  void Open(int64_t image) {
    v1::OpenTaskRequest request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    const auto opened = Rpc(*labeling_, &v1::LabelingService::Stub::OpenTask, token_, request);
    Expect(opened.status(), {"NOT_LABELLED", "FOREIGN_ANSWER", "IMAGE_LEASED", "IMAGE_NOT_USABLE"});
    if (opened.ok()) open_.push_back(*opened);
  }

  v1::Task TakeOpen() {
    const size_t place = random_() % open_.size();
    v1::Task task = open_[place];
    open_.erase(open_.begin() + static_cast<ptrdiff_t>(place));
    return task;
  }

  template <typename Acknowledge>
  void Answer(const Acknowledge& acknowledge) {
    if (open_.empty()) return;
    const v1::Task task = TakeOpen();
    v1::SubmitRequest request;
    request.set_request_id(NextRequestId());
    request.set_task_id(task.task_id());
    request.set_lease(task.lease());
    for (const v1::LabelBox& box : task.boxes()) {
      v1::CorrectedBox& kept = *request.add_boxes();
      *kept.mutable_box() = box.box();
      kept.set_label(box.label());
      kept.set_box_id(box.box_id());
    }
    v1::CorrectedBox& added = *request.add_boxes();
    added.mutable_box()->set_x2(static_cast<float>(1 + random_() % 40));
    added.mutable_box()->set_y2(static_cast<float>(1 + random_() % 3000) / 100);
    added.set_label(1 + random_() % 3);
    const auto taken = Rpc(*labeling_, &v1::LabelingService::Stub::Submit, token_, request);
    Expect(taken.status(),
           // The same box was there before, or no class 3; the image was removed.
           {"BAD_BOX", "TASK_ENDED"});
    if (!taken.ok()) return;
    acknowledge(taken->revision_id());
    const auto again = Rpc(*labeling_, &v1::LabelingService::Stub::Submit, token_, request);
    EXPECT_EQ(again->revision_id(), taken->revision_id()) << "a repeated request";
  }

  void Skip() {
    if (open_.empty()) return;
    const v1::Task task = TakeOpen();
    v1::SkipRequest request;
    request.set_request_id(NextRequestId());
    request.set_task_id(task.task_id());
    request.set_lease(task.lease());
    Expect(Rpc(*labeling_, &v1::LabelingService::Stub::Skip, token_, request).status(), {"TASK_ENDED"});
  }

  // Labels of a few pictures from a file, over what is there or beside it.
  void Replace() {
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    start.set_blind(random_() % 2 == 0);
    start.set_replace(random_() % 2 == 0);
    std::vector<TestPicture> pictures = PlainPictures(2, random_() % (kPictures - 2));
    for (TestPicture& picture : pictures) {
      v1::ImportedBox& box = *picture.labels.emplace().add_boxes();
      box.mutable_box()->set_x2(static_cast<float>(1 + random_() % 40));
      box.mutable_box()->set_y2(20);
      box.set_label(1);
    }
    Expect(ImportPictures(channel_, token_, start, pictures).status(), {"REMOVED_PICTURE"});
  }

  void Exclude(int64_t image) {
    v1::ExcludeImageRequest request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    request.set_reason("by chance");
    Expect(Rpc(*images_, &v1::ImageService::Stub::ExcludeImage, token_, request).status(), {"IMAGE_REMOVED"});
  }

  void Restore(int64_t image) {
    v1::RestoreImageRequest request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    Expect(Rpc(*images_, &v1::ImageService::Stub::RestoreImage, token_, request).status(), {"IMAGE_REMOVED"});
  }

  void Remove(int64_t image) {
    v1::RemoveImageRequest request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    request.set_reason("by chance");
    Expect(Rpc(*images_, &v1::ImageService::Stub::RemoveImage, token_, request).status(), {});
  }

  void RenameClass() {
    v1::RenameClassRequest request;
    request.set_request_id(NextRequestId());
    request.set_label(static_cast<uint32_t>(1 + random_() % 2));
    request.set_name(absl::StrCat("class-", random_() % 100));
    Expect(Rpc(*projects_, &v1::ProjectService::Stub::RenameClass, token_, request).status(),
           {"CLASS_EXISTS"});
  }

  void AddClass() {
    v1::AddClassRequest request;
    request.set_request_id(NextRequestId());
    request.set_name(request.request_id());
    Expect(Rpc(*projects_, &v1::ProjectService::Stub::AddClass, token_, request).status(), {});
  }

  // Not of the first two, with which pictures are imported.
  void RetireClass() {
    v1::RetireClassRequest request;
    request.set_request_id(NextRequestId());
    request.set_label(static_cast<uint32_t>(3 + random_() % 4));
    Expect(Rpc(*projects_, &v1::ProjectService::Stub::RetireClass, token_, request).status(),
           {"NO_SUCH_CLASS"});
  }

  // What one person answered in the last moments, or what was imported or answered in them.
  void Withdraw() {
    v1::WithdrawRequest request;
    request.set_request_id(NextRequestId());
    const int64_t now = absl::ToUnixMillis(absl::Now());
    const int64_t from = now - static_cast<int64_t>(random_() % 400);
    request.mutable_from()->set_seconds(from / 1000);
    request.mutable_from()->set_nanos(static_cast<int32_t>(from % 1000 * 1'000'000));
    if (random_() % 2 == 0) request.set_reviewer(absl::StrCat("annotator-", 4 + 2 * (random_() % 2)));
    request.set_dry_run(random_() % 4 == 0);
    const auto withdrawn = Rpc(*labeling_, &v1::LabelingService::Stub::Withdraw, token_, request);
    Expect(withdrawn.status(), {});
    if (!withdrawn.ok() || request.dry_run()) return;
    const auto again = Rpc(*labeling_, &v1::LabelingService::Stub::Withdraw, token_, request);
    EXPECT_EQ(again->revisions(), withdrawn->revisions()) << "a repeated request";
  }

  // Any withdrawal of anybody; often one that was undone.
  void UndoWithdrawal() {
    const auto listed =
        Rpc(*labeling_, &v1::LabelingService::Stub::ListWithdrawals, token_, v1::ListWithdrawalsRequest());
    Expect(listed.status(), {});
    if (!listed.ok() || listed->withdrawals().empty()) return;
    v1::UndoWithdrawalRequest request;
    request.set_request_id(NextRequestId());
    request.set_withdrawal(
        listed->withdrawals(static_cast<int>(random_() % static_cast<uint64_t>(listed->withdrawals_size())))
            .withdrawal());
    request.set_dry_run(random_() % 4 == 0);
    Expect(Rpc(*labeling_, &v1::LabelingService::Stub::UndoWithdrawal, token_, request).status(),
           {"WITHDRAWAL_UNDONE"});
  }

  std::shared_ptr<grpc::Channel> channel_;
  const std::string token_;
  const bool engineer_;
  std::mt19937_64 random_;
  std::unique_ptr<v1::LabelingService::Stub> labeling_;
  std::unique_ptr<v1::ImageService::Stub> images_;
  std::unique_ptr<v1::ProjectService::Stub> projects_;
  std::unique_ptr<v1::RoundService::Stub> rounds_;
  std::vector<v1::Task> open_;
};

TEST_P(HistoryPropertyTest, OneTruthAnImageAndNothingLost) {
  std::vector<std::thread> people;
  for (int person = 0; person < 4; ++person) {
    const bool engineer = person % 2 == 0;
    people.emplace_back(
        [this, person, engineer, token = coordinator_.Token(engineer ? v1::ENGINEER : v1::ANNOTATOR)] {
          Person one(coordinator_.channel(static_cast<size_t>(person) % 2), token, engineer,
                     static_cast<uint64_t>(GetParam() * 10 + person));
          for (int step = 0; step < kActs; ++step) {
            one.Act([this](int64_t revision) { Acknowledge(revision); });
          }
        });
  }
  // Some leases end early, so that answers come late.
  for (int i = 0; i < 10; ++i) {
    AddToLabelCounts(7);
    EXPECT_EQ(CountsThatDiffer(), 0) << "while people write";
    coordinator_.database().Sql(
        "UPDATE lease SET expires_at = now() - interval '1 second' WHERE random() < 0.3");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  for (std::thread& person : people) person.join();

  EXPECT_EQ(CountsThatDiffer(), 0);
  AddToLabelCounts(7);
  AddToLabelCounts(7);
  EXPECT_EQ(Number("SELECT counted_id FROM label_count_state"), Number("SELECT max(id) FROM label_revision"));
  EXPECT_EQ(CountsThatDiffer(), 0);
  coordinator_.database().Sql(
      "BEGIN; DELETE FROM label_count; DELETE FROM removed_image; UPDATE label_count_state SET counted_id = "
      "0; "
      "COMMIT");
  EXPECT_EQ(CountsThatDiffer(), 0) << "counted anew";

  EXPECT_EQ(Verify().breaks_total(), 0U) << "the truth is the last revision that was written as it";
  for (const int64_t revision : acknowledged_) {
    EXPECT_EQ(Number(absl::StrCat("SELECT count(*) FROM label_revision WHERE id = ", revision)), 1);
  }
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision WHERE source IN ('task', 'reopen')"),
            static_cast<int64_t>(acknowledged_.size()));
  // A revision became the truth only on top of the truth that it corrects.
  EXPECT_EQ(
      Number("SELECT count(*) FROM label_revision one WHERE standing = 'truth' AND based_on IS DISTINCT FROM "
             "(SELECT max(id) FROM label_revision before WHERE before.image_id = one.image_id "
             "AND before.number < one.number AND before.standing = 'truth' AND "
             "(SELECT count(*) FILTER (WHERE mark.standing = 'withdrawn') "
             "= count(*) FILTER (WHERE mark.standing = 'restored') FROM label_revision mark "
             "WHERE mark.based_on = before.id AND mark.number < one.number))"),
      0);
  EXPECT_GT(Number("SELECT count(*) FROM label_revision WHERE standing = 'withdrawn'"), 0);
  EXPECT_GT(Number("SELECT count(*) FROM label_revision WHERE standing = 'restored'"), 0);
  // The truth is the newest that nobody took back.
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE truth_revision_id IS DISTINCT FROM "
                   "(SELECT max(id) FROM label_revision one WHERE image_id = image.id AND standing = 'truth' "
                   "AND (SELECT count(*) FILTER (WHERE mark.standing = 'withdrawn') "
                   "= count(*) FILTER (WHERE mark.standing = 'restored') FROM label_revision mark "
                   "WHERE mark.based_on = one.id))"),
            0);
  EXPECT_EQ(Number("SELECT count(*) FROM task WHERE image_side = 'holdout' AND NOT blind"), 0);
  EXPECT_EQ(
      Number("SELECT count(*) FROM shown_box JOIN task ON task.id = task_id WHERE image_side = 'holdout'"),
      0);
  EXPECT_EQ(
      Number("SELECT count(*) FROM snapshot_item JOIN image ON image.id = image_id WHERE side = 'holdout'"),
      0);
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item JOIN label_revision ON id = revision_id "
                   "WHERE standing <> 'truth'"),
            0);
  // A snapshot holds the truths of its moment: now nothing is on its way.
  const std::string truths =
      "(SELECT * FROM usable_image WHERE side = 'pool' AND truth_revision_id IS NOT NULL) image";
  if (Person(coordinator_.channel(0), coordinator_.Token(v1::ENGINEER), true, 0).Freeze()) {
    EXPECT_EQ(Number("SELECT count(*) FROM (SELECT image_id, revision_id FROM snapshot_item "
                     "WHERE snapshot_id = (SELECT max(id) FROM snapshot)) item "
                     "FULL JOIN " +
                     truths +
                     " ON image.id = item.image_id "
                     "WHERE item.revision_id IS DISTINCT FROM image.truth_revision_id"),
              0);
  } else {  // Everything was withdrawn, excluded or removed.
    EXPECT_EQ(Number("SELECT count(*) FROM " + truths), 0);
  }
  EXPECT_EQ(Number("SELECT count(*) FROM task WHERE state = 'answered' AND EXISTS "
                   "(SELECT FROM lease WHERE task_id = task.id)"),
            0);
  EXPECT_EQ(
      Number(
          "SELECT count(*) FROM task_request WHERE kind = 'reopen' AND state = 'open' AND NOT EXISTS "
          "(SELECT FROM task JOIN lease ON lease.task_id = task.id WHERE task.request_id = task_request.id)"),
      0)
      << "a request ends with its task";
  const std::string unknown =
      "FROM image JOIN label_revision truth ON truth.id = truth_revision_id "
      "JOIN class ON class.label > known_classes(truth) AND retired_at IS NULL "
      "WHERE image.state <> 'removed' AND (side = 'pool' OR blind)";
  EXPECT_EQ(Number("SELECT count(*) FROM task_request WHERE kind = 'class_added' AND state = 'open'"),
            Number("SELECT count(*) " + unknown))
      << "who labelled an image without a class is asked about it";
  EXPECT_EQ(Number("SELECT count(*) FROM task_request WHERE kind = 'class_added' AND state = 'open' AND "
                   "NOT EXISTS (SELECT " +
                   unknown + " AND image.id = image_id AND label = class_label)"),
            0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HistoryPropertyTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace loupe
