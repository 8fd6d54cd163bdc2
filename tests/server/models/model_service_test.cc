// Models over a real port: import, export, promotion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe/detector_metadata.h"
#include "recipe/presets.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

class ModelTest : public ::testing::Test {
 protected:
  ModelTest() : world_(20, 25) {
    world_.Label("pool", 0, 10);
    world_.Label("holdout", 0, 25);
  }

  grpc::Status Import(const std::string& request_id, const std::string& name, const std::string& preset,
                      const std::string& file, size_t announced = 0) {
    const auto context = world_.Context(world_.engineer);
    const auto writer = world_.models->ImportModel(context.get(), &model_);
    v1::ImportModelRequest request;
    request.mutable_start()->set_request_id(request_id);
    request.mutable_start()->set_name(name);
    request.mutable_start()->set_preset(preset);
    request.mutable_start()->set_size_bytes(announced == 0 ? file.size() : announced);
    bool open = writer->Write(request);
    const size_t piece = std::max<size_t>(10, file.size() / 100);
    for (size_t i = 0; open && i < file.size(); i += piece) {
      request.set_chunk(file.substr(i, piece));
      open = writer->Write(request);
    }
    writer->WritesDone();
    return writer->Finish();
  }

  grpc::Status Promote(const std::string& name) {
    v1::PromoteModelRequest request;
    request.set_request_id(world_.NewRequestId());
    request.set_model(name);
    return world_.models->PromoteModel(world_.Context(world_.engineer).get(), request, &model_);
  }

  RoundWorld world_;
  v1::Model model_;
};

TEST_F(ModelTest, OutsideWeightsComeInAndGoOutUnchanged) {
  const std::string file = MadeUpWeights("a backbone");
  ASSERT_TRUE(Import("1", "imagenet", "small", file).ok());
  EXPECT_EQ(model_.number(), 1u);
  EXPECT_EQ(model_.state(), "candidate");
  EXPECT_EQ(model_.weights_sha256(), ToBytes(HashOf(file)));
  // Sent again it is one model, and the same request.
  ASSERT_TRUE(Import("1", "imagenet", "small", file).ok());
  EXPECT_EQ(world_.Number("SELECT count(*) FROM model"), 1);

  v1::ExportModelRequest request;
  request.set_model("imagenet");
  const auto context = world_.Context(world_.engineer);
  const auto reader = world_.models->ExportModel(context.get(), request);
  v1::ExportModelResponse response;
  std::string exported;
  while (reader->Read(&response)) exported += response.chunk();
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(exported, file);
}

TEST_F(ModelTest, WhatIsNoWholeFileIsRefused) {
  const std::string file = MadeUpWeights("a backbone");
  EXPECT_EQ(ReasonOf(Import("1", "a", "small", file.substr(0, file.size() - 3))), "BAD_WEIGHTS");
  EXPECT_EQ(ReasonOf(Import("2", "a", "small", file, file.size() + 5)), "BAD_WEIGHTS");
  EXPECT_EQ(ReasonOf(Import("3", "a", "small", file, file.size() - 5)), "BAD_WEIGHTS");
  EXPECT_EQ(ReasonOf(Import("4", "a", "small", std::string(500, 'P'))), "BAD_WEIGHTS");
  EXPECT_EQ(world_.Number("SELECT count(*) FROM model"), 0);
  EXPECT_FALSE(world_.blobs.Exists(HashOf(std::string(500, 'P'))));
}

TEST_F(ModelTest, TensorsThatDontFitThePresetAreRefusedByName) {
  std::string file = MadeUpWeights("a backbone");
  file.replace(file.find("[64]"), 4, "[8,8]");
  ++file[0];  // the header's length
  const grpc::Status other_shape = Import("1", "a", "small", file);
  EXPECT_EQ(ReasonOf(other_shape), "BAD_WEIGHTS");
  EXPECT_THAT(other_shape.error_message(), HasSubstr("bn1.weight"));
  std::string strange = MadeUpWeights("a backbone");
  strange.replace(strange.find("bn1.weight"), 10, "other.name");
  EXPECT_EQ(ReasonOf(Import("2", "a", "small", strange)), "BAD_WEIGHTS");
  EXPECT_EQ(world_.Number("SELECT count(*) FROM model"), 0);
  EXPECT_FALSE(world_.blobs.Exists(HashOf(strange)));
}

TEST_F(ModelTest, NamesAndPresetsAreChecked) {
  const std::string file = MadeUpWeights("a backbone");
  for (const char* name : {"", "12", "round-3", "a b", "a/b", "\xc3\xa9"}) {
    EXPECT_EQ(Import(world_.NewRequestId(), name, "small", file).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }
  const grpc::Status preset = Import(world_.NewRequestId(), "a", "tiny", file);
  EXPECT_EQ(preset.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(preset.error_message(), HasSubstr("small"));
  ASSERT_TRUE(Import("1", "imagenet", "small", file).ok());
  EXPECT_EQ(ReasonOf(Import("2", "imagenet", "small", file)), "MODEL_EXISTS");
}

TEST_F(ModelTest, ARoundStartsFromItAndNamesItAsParent) {
  const std::string file = MadeUpWeights("a backbone");
  ASSERT_TRUE(Import("1", "imagenet", "small", file).ok());
  world_.Submit("detector { init_model: \"imagenet\" }");
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  ScriptedWorker worker(world_, 0.9);
  const v1::Job job = *worker.Lease();
  EXPECT_EQ(job.weights_sha256(), ToBytes(HashOf(file)));
  EXPECT_EQ(job.weights_preset(), "small");
  worker.Do(job);
  ASSERT_EQ(worker.Finish(1).state(), "done");
  v1::GetModelRequest request;
  ASSERT_TRUE(world_.models->GetModel(world_.Context(world_.engineer).get(), request, &model_).ok());
  EXPECT_EQ(model_.name(), "round-1");
  EXPECT_EQ(model_.parent(), 1u);
  EXPECT_EQ(model_.round(), 1u);
  EXPECT_EQ(model_.evaluation().images(), 25u);

  v1::SubmitRoundRequest other;
  other.set_request_id(world_.NewRequestId());
  other.set_recipe("detector { preset: \"resnet18-fpn\" init_model: \"imagenet\" }");
  v1::Round round;
  const grpc::Status status =
      world_.rounds->SubmitRound(world_.Context(world_.engineer).get(), other, &round);
  EXPECT_EQ(ReasonOf(status), "BAD_RECIPE");
  EXPECT_THAT(status.error_message(), HasSubstr("imagenet"));
}

// A detector that its own file describes.
class DescribedModelTest : public ModelTest {
 protected:
  std::string File(std::map<std::string, std::string> metadata, int classes) {
    metadata.try_emplace(kDetectorKey, DetectorText(detector_));
    return WholeWeights(detector_, classes, metadata);
  }
  std::string Refusal(const std::string& file) {
    const grpc::Status status = Import(world_.NewRequestId(), "mine", "detectron2", file);
    EXPECT_EQ(ReasonOf(status), "BAD_WEIGHTS");
    EXPECT_EQ(world_.Number("SELECT count(*) FROM model"), 0);
    return status.error_message();
  }

  static constexpr int kClassCount = 2;
  v1::Detector detector_ = PresetDetector("small").value();
  const std::string own_classes_ = R"(["dent", "scratch"])";  // not in the project's order
};

TEST_F(DescribedModelTest, ItsFileHasToSayAllOfIt) {
  EXPECT_THAT(Refusal(WholeWeights(detector_, kClassCount, {{kClassesKey, own_classes_}})),
              HasSubstr("doesn't describe its detector"));
  EXPECT_THAT(
      Refusal(File({{kDetectorKey, "{\"fpn_channels\": -1}"}, {kClassesKey, own_classes_}}, kClassCount)),
      HasSubstr("'loupe.detector' can't be used"));
  v1::Detector broken = detector_;
  broken.set_roi_output_size(1'000'000);
  EXPECT_THAT(Refusal(File({{kDetectorKey, DetectorText(broken)}, {kClassesKey, own_classes_}}, kClassCount)),
              HasSubstr("roi_output_size is 1000000"));
  broken = detector_;
  broken.set_fpn_channels(32);
  EXPECT_THAT(Refusal(File({{kDetectorKey, DetectorText(broken)}, {kClassesKey, own_classes_}}, kClassCount)),
              HasSubstr("has shape [64, 64, 1, 1], not [32, 64, 1, 1]"));
  EXPECT_THAT(Refusal(File({}, kClassCount)), HasSubstr("don't know the names of their classes"));
  EXPECT_THAT(Refusal(File({{kClassesKey, "[\"elsewhere\"]"}}, 1)),
              HasSubstr("the weights' classes are elsewhere"));
  EXPECT_THAT(Refusal(MadeUpWeights("a backbone")), HasSubstr("doesn't describe its detector"));
}

TEST_F(DescribedModelTest, ARoundThatTrainsNothingNeedsNoPresetButAModel) {
  const std::string file = File({{kClassesKey, own_classes_}}, kClassCount);
  ASSERT_TRUE(Import("1", "mine", "detectron2", file).ok());
  EXPECT_EQ(model_.preset(), "detectron2");
  world_.Submit("detector { init_model: \"mine\" } training { skip: true }");
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  ScriptedWorker worker(world_, 0.9);
  const v1::Job job = *worker.Lease();
  EXPECT_EQ(job.recipe().detector().preset(), "detectron2");
  EXPECT_EQ(job.weights_sha256(), ToBytes(HashOf(file)));
  worker.Do(job);
  ASSERT_EQ(worker.Finish(1).state(), "done");
  v1::GetModelRequest request;
  request.set_model("round-1");
  ASSERT_TRUE(world_.models->GetModel(world_.Context(world_.engineer).get(), request, &model_).ok());
  EXPECT_EQ(model_.preset(), "detectron2");

  for (const auto& [recipe, said] : std::vector<std::pair<std::string, std::string>>{
           {"training { skip: true }", "training.skip needs detector.init_model"},
           {"detector { preset: \"detectron2\" }", "detectron2, which needs detector.init_model"},
           {"detector { preset: \"small\" init_model: \"mine\" }",
            "is a detectron2, but detector.preset is small"}}) {
    v1::SubmitRoundRequest submit;
    submit.set_request_id(world_.NewRequestId());
    submit.set_recipe(recipe);
    v1::Round round;
    const grpc::Status status =
        world_.rounds->SubmitRound(world_.Context(world_.engineer).get(), submit, &round);
    EXPECT_EQ(ReasonOf(status), "BAD_RECIPE");
    EXPECT_THAT(status.error_message(), HasSubstr(said));
  }
}

TEST_F(ModelTest, OnlyAJudgedModelOfThisProjectCanServe) {
  ASSERT_TRUE(Import("1", "imagenet", "small", MadeUpWeights("a backbone")).ok());
  EXPECT_EQ(ReasonOf(Promote("imagenet")), "NO_PREDICTIONS");
  EXPECT_EQ(ReasonOf(Promote("nobody")), "NO_SUCH_MODEL");
  EXPECT_EQ(ReasonOf(Promote("")), "NO_SUCH_MODEL");
  world_.Submit("");
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  ScriptedWorker worker(world_, 0.9);
  worker.Do(*worker.Lease());
  EXPECT_EQ(ReasonOf(Promote("round-1")), "NO_PREDICTIONS");  // not evaluated yet
  worker.Finish(1);
  EXPECT_TRUE(Promote("round-1").ok());  // it serves already
  EXPECT_EQ(world_.Number("SELECT coalesce(replaced_id, 0) FROM model WHERE state = 'serving'"), 0);
}

TEST_F(ModelTest, AModelWhoseWeightsWereChangedNeverServes) {
  world_.Submit("");
  ScriptedWorker worker(world_, 0.9);
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  worker.Do(*worker.Lease());
  const std::string hex = world_.Text("SELECT encode(weights_sha256, 'hex') FROM model");
  const auto path = world_.folder.path() / "blobs" / hex.substr(0, 2) / hex.substr(2);
  ASSERT_TRUE(std::filesystem::exists(path));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const v1::Round round = worker.Finish(1);
  EXPECT_EQ(round.state(), "failed");
  EXPECT_THAT(round.error(), HasSubstr("not whole"));
  EXPECT_EQ(world_.Text("SELECT state FROM model"), "candidate");
  EXPECT_EQ(world_.Number("SELECT count(*) FROM ranking WHERE state = 'active' AND generation = 0"), 1);
}

// Two engineers decide at the same time: the second reads what the first has done.
TEST_F(ModelTest, WhoKnowsAnotherServingModelIsRefused) {
  for (int round = 1; round <= 3; ++round) {
    world_.Submit("gate { tolerance: 1 }");
    ASSERT_EQ(ScriptedWorker(world_, 0.9).Finish(round).state(), "done");
  }
  v1::PromoteModelRequest promotion;
  promotion.set_request_id(world_.NewRequestId());
  promotion.set_model("1");
  promotion.set_serving(2);
  const grpc::Status refused =
      world_.models->PromoteModel(world_.Context(world_.engineer).get(), promotion, &model_);
  EXPECT_EQ(ReasonOf(refused), "SERVING_CHANGED");
  EXPECT_THAT(refused.error_message(), HasSubstr("model 3 serves by now"));
  EXPECT_EQ(world_.Text("SELECT state FROM model WHERE number = 3"), "serving");
  promotion.set_request_id(world_.NewRequestId());
  promotion.set_serving(3);
  ASSERT_TRUE(world_.models->PromoteModel(world_.Context(world_.engineer).get(), promotion, &model_).ok());
  EXPECT_EQ(model_.replaced(), 3u);

  v1::RollbackModelRequest rollback;
  rollback.set_request_id(world_.NewRequestId());
  rollback.set_serving(3);
  EXPECT_EQ(ReasonOf(world_.models->RollbackModel(world_.Context(world_.engineer).get(), rollback, &model_)),
            "SERVING_CHANGED");
  rollback.set_request_id(world_.NewRequestId());
  rollback.set_serving(1);
  ASSERT_TRUE(world_.models->RollbackModel(world_.Context(world_.engineer).get(), rollback, &model_).ok());
  EXPECT_EQ(model_.number(), 3u);
}

// It said that no model had served before the one that serves by now.
TEST_F(ModelTest, WhoRollsBackAfterSomebodyElseLearnsThat) {
  for (int round = 1; round <= 2; ++round) {
    world_.Submit("gate { tolerance: 1 }");
    ASSERT_EQ(ScriptedWorker(world_, 0.9).Finish(round).state(), "done");
  }
  v1::RollbackModelRequest rollback;
  rollback.set_request_id(world_.NewRequestId());
  ASSERT_TRUE(world_.models->RollbackModel(world_.Context(world_.engineer).get(), rollback, &model_).ok());
  rollback.set_request_id(world_.NewRequestId());
  rollback.set_serving(2);
  EXPECT_EQ(ReasonOf(world_.models->RollbackModel(world_.Context(world_.engineer).get(), rollback, &model_)),
            "SERVING_CHANGED");
  EXPECT_EQ(world_.Text("SELECT state FROM model WHERE number = 1"), "serving");
}

}  // namespace
}  // namespace loupe
