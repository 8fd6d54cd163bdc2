// A project in which errors are planted.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loupe/v1/insight.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {

// Of 200 images the first 80 are labelled blind by one person, with one box of each class; 120 are ranked,
// and assisted.
class PlantedTest : public LabelingTest {
 protected:
  static constexpr int kLabelled = 80, kImages = 200;

  PlantedTest() {
    Import(kImages);
    std::vector<int64_t> ranked;
    for (int image = kLabelled + 1; image <= kImages; ++image) ranked.push_back(image);
    RankByModel(ranked);
    Sql(absl::StrCat(R"(
        CREATE TEMPORARY TABLE revised AS
        SELECT id AS image_id, (SELECT the_revision FROM append_revision(
                 id, 'import', (SELECT min(id) FROM principal), NULL, true, false, 0, NULL, '', '', '{}',
                 '{2,2,12,12, 22,6,32,16}', '{1,2}', '{imported,imported}', '{false,false}',
                 '{-1,-1}', '{0,0}', '{-1,-1}', '{}')) AS revision_id
        FROM image WHERE id <= )",
                     kLabelled));
    Sql("ALTER TABLE project DROP CONSTRAINT project_planted_share");
  }

  void Sql(const std::string& sql) { coordinator_.database().Sql(sql); }

  // 1: each assisted task but those that can't be planted.
  void SetShare(double share) { Sql(absl::StrCat("UPDATE project SET planted_share = ", share)); }

  static v1::SubmitRequest AcceptAll(const v1::Task& task) {
    v1::SubmitRequest correction = CorrectionOf(task);
    for (const v1::PredictedBox& box : task.predictions()) {
      v1::CorrectedBox& same = *correction.add_boxes();
      *same.mutable_box() = box.box();
      same.set_label(box.label());
      same.set_predicted_index(box.index());
    }
    return correction;
  }

  template <typename Change>
  void SetQuality(const Change& change) {
    const auto stub = v1::ProjectService::NewStub(coordinator_.channel());
    v1::SetQualityControlRequest request;
    request.set_request_id(NextRequestId());
    change(request);
    const auto set = Rpc(*stub, &v1::ProjectService::Stub::SetQualityControl, engineer_, request);
    ASSERT_TRUE(set.ok()) << set.status();
  }

  // Twenty ordinary tasks.
  void AnswerOrdinaryOnes() {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(Submit(annotator_, AcceptAll(NextOne(annotator_))).ok());
  }

  bool IsPlanted(const v1::Task& task) {
    return Number(absl::StrCat("SELECT count(*) FROM planted_error WHERE task_id = ", task.task_id())) == 1;
  }

  v1::Task NextPlanted() {
    SetShare(1);
    const v1::Task task = NextOne(annotator_);
    EXPECT_TRUE(IsPlanted(task));
    return task;
  }

  v1::LabelQuality Quality() {
    const auto stub = v1::InsightService::NewStub(coordinator_.channel());
    const auto quality =
        Rpc(*stub, &v1::InsightService::Stub::GetLabelQuality, engineer_, v1::GetLabelQualityRequest());
    EXPECT_TRUE(quality.ok()) << quality.status();
    return quality.ok() ? *quality : v1::LabelQuality();
  }
};

}  // namespace loupe
