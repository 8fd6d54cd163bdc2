// A project with images and annotators, for tests of the queue.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "loupe/v1/labeling.grpc.pb.h"
#include "loupe/v1/provenance.grpc.pb.h"
#include "loupe/v1/round.grpc.pb.h"
#include "tests/support/coordinator.h"

namespace loupe {

class LabelingTest : public testing::Test {
 protected:
  using Labeling = v1::LabelingService::Stub;

  explicit LabelingTest(size_t servers = 1, double holdout_fraction = 0)
      : coordinator_(servers),
        engineer_(coordinator_.Token(v1::ENGINEER)),
        annotator_(coordinator_.Token(v1::ANNOTATOR)) {
    MakeProject(coordinator_.channel(), engineer_, "parts", holdout_fraction);
    stub_ = v1::LabelingService::NewStub(coordinator_.channel());
  }

  void Import(uint32_t count, uint32_t first_number = 0) {
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    const auto imported =
        ImportPictures(coordinator_.channel(), engineer_, start, PlainPictures(count, first_number));
    ASSERT_TRUE(imported.ok()) << imported.status();
  }

  absl::StatusOr<std::vector<v1::Task>> Next(const std::string& token, uint32_t count) {
    v1::NextTasksRequest request;
    request.set_request_id(NextRequestId());
    request.set_count(count);
    const auto tasks = Rpc(*stub_, &Labeling::NextTasks, token, request);
    if (!tasks.ok()) return tasks.status();
    return std::vector<v1::Task>(tasks->tasks().begin(), tasks->tasks().end());
  }

  // The next task; there must be one.
  v1::Task NextOne(const std::string& token) {
    const auto tasks = Next(token, 1);
    EXPECT_TRUE(tasks.ok()) << tasks.status();
    EXPECT_EQ(tasks->size(), 1U);
    return tasks->empty() ? v1::Task() : tasks->front();
  }

  static v1::SubmitRequest CorrectionOf(const v1::Task& task) {
    v1::SubmitRequest request;
    request.set_request_id(NextRequestId());
    request.set_task_id(task.task_id());
    request.set_lease(task.lease());
    return request;
  }

  static v1::CorrectedBox& AddBox(v1::SubmitRequest& request, float x1, float y1, float x2, float y2,
                                  uint32_t label = 1) {
    v1::CorrectedBox& box = *request.add_boxes();
    box.mutable_box()->set_x1(x1);
    box.mutable_box()->set_y1(y1);
    box.mutable_box()->set_x2(x2);
    box.mutable_box()->set_y2(y2);
    box.set_label(label);
    return box;
  }

  // The task's boxes as they are.
  static v1::SubmitRequest Unchanged(const v1::Task& task) {
    v1::SubmitRequest correction = CorrectionOf(task);
    for (const v1::LabelBox& box : task.boxes()) {
      v1::CorrectedBox& same = *correction.add_boxes();
      *same.mutable_box() = box.box();
      same.set_label(box.label());
      same.set_box_id(box.box_id());
    }
    return correction;
  }

  static v1::SkipRequest SkipOf(const v1::Task& task) {
    v1::SkipRequest request;
    request.set_request_id(NextRequestId());
    request.set_task_id(task.task_id());
    request.set_lease(task.lease());
    return request;
  }

  static v1::ReleaseRequest ReleaseOf(const std::vector<v1::Task>& tasks) {
    v1::ReleaseRequest request;
    request.set_request_id(NextRequestId());
    for (const v1::Task& task : tasks) {
      v1::TaskLease& lease = *request.add_tasks();
      lease.set_task_id(task.task_id());
      lease.set_lease(task.lease());
    }
    return request;
  }

  absl::StatusOr<v1::SubmitResponse> Submit(const std::string& token, const v1::SubmitRequest& request) {
    return Rpc(*stub_, &Labeling::Submit, token, request);
  }

  v1::ImageProvenance Provenance(int64_t image) {
    const auto stub = v1::ProvenanceService::NewStub(coordinator_.channel());
    v1::GetImageProvenanceRequest request;
    request.set_image_id(image);
    const auto found = Rpc(*stub, &v1::ProvenanceService::Stub::GetImageProvenance, engineer_, request);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : v1::ImageProvenance();
  }

  v1::VerifyHistoryResponse Verify() {
    const auto stub = v1::ProvenanceService::NewStub(coordinator_.channel());
    const auto checked =
        Rpc(*stub, &v1::ProvenanceService::Stub::VerifyHistory, engineer_, v1::VerifyHistoryRequest());
    EXPECT_TRUE(checked.ok()) << checked.status();
    return checked.ok() ? *checked : v1::VerifyHistoryResponse();
  }

  v1::ProjectStatus Status() { return Status(engineer_); }

  v1::ProjectStatus Status(const std::string& token) {
    const auto stub = v1::ProjectService::NewStub(coordinator_.channel());
    const auto status = Rpc(*stub, &v1::ProjectService::Stub::GetStatus, token, v1::GetStatusRequest());
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? *status : v1::ProjectStatus();
  }

  // The first column of the only row.
  int64_t Number(const std::string& sql) { return coordinator_.database().Sql(sql).at(0)[0].as<int64_t>(); }

  // How many of the sums over labels differ from what the views of the schema provenance count, at one
  // moment.
  int64_t CountsThatDiffer();

  // Adds what it can to the stored sums, at most `most` revisions at a time.
  void AddToLabelCounts(int most);

  // Queues a round, on the truth of the pool.
  void SubmitRound() {
    const auto rounds = v1::RoundService::NewStub(coordinator_.channel());
    v1::SubmitRoundRequest request;
    request.set_request_id(NextRequestId());
    ASSERT_TRUE(Rpc(*rounds, &v1::RoundService::Stub::SubmitRound, engineer_, request).ok());
  }

  // Opens the answer of an image again.
  absl::StatusOr<v1::Task> Reopen(const std::string& token, int64_t image) {
    v1::OpenTaskRequest request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    return Rpc(*stub_, &Labeling::OpenTask, token, request);
  }

  // Every lease ends as if ten minutes had passed, and the reaper has seen it.
  void LetLeasesEnd();

  // A serving model with one prediction an image (a box of class 1 at 0.9, one of class 2 at 0.4, one at
  // 0.2), and a generation 1 of these images, not blind.
  void RankByModel(const std::vector<int64_t>& images);

  TestCoordinator coordinator_;
  const std::string engineer_;
  const std::string annotator_;
  std::unique_ptr<Labeling> stub_;
};

// Three answered images: a drawn box of class 1, an accepted one and a moved one.
class AnsweredTest : public LabelingTest {
 protected:
  AnsweredTest() {
    Import(4);
    RankByModel({1, 2, 3});
    Answer(1, [](v1::SubmitRequest& correction) { AddBox(correction, 12, 12, 18, 18); });
    Answer(2, [](v1::SubmitRequest& correction) { AddBox(correction, 1, 1, 11, 11).set_predicted_index(0); });
    Answer(3, [](v1::SubmitRequest& correction) { AddBox(correction, 4, 1, 11, 11).set_predicted_index(0); });
  }

  template <typename Draw>
  void Answer(int64_t image, const Draw& draw) {
    const v1::Task task = NextOne(annotator_);
    ASSERT_EQ(task.image().id(), image);
    v1::SubmitRequest correction = CorrectionOf(task);
    draw(correction);
    ASSERT_TRUE(Submit(annotator_, correction).ok());
  }
};

}  // namespace loupe
