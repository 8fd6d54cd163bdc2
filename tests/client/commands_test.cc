// The program `loupe` itself, against services in this process that respond as told: what commands send, what
// they print, and with which status they end.
#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/insight.grpc.pb.h"
#include "loupe/v1/labeling.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "loupe/v1/round.grpc.pb.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class Projects final : public v1::ProjectService::Service {
  grpc::Status GetProject(grpc::ServerContext*, const v1::GetProjectRequest*, v1::Project* project) override {
    project->set_name("parts");
    v1::Class* only = project->add_classes();
    only->set_label(1);
    only->set_name("scratch");
    return grpc::Status::OK;
  }
};

class Images final : public v1::ImageService::Service {
 public:
  std::vector<v1::ImportStart> starts;
  std::vector<v1::PictureHeader> pictures;
  std::string bytes;
  std::atomic<int> failures = 0;
  bool refuses = false;

  grpc::Status Import(grpc::ServerContext*, grpc::ServerReader<v1::ImportRequest>* reader,
                      v1::ImportResponse* response) override {
    v1::ImportRequest request;
    pictures.clear();
    bytes.clear();
    while (reader->Read(&request)) {
      if (request.has_start()) starts.push_back(request.start());
      if (request.has_picture()) pictures.push_back(request.picture());
      bytes += request.chunk();
      if (refuses && !pictures.empty()) return grpc::Status(grpc::INVALID_ARGUMENT, "a.jpg is no picture");
      if (failures > 0 && !pictures.empty()) {
        --failures;
        return grpc::Status(grpc::UNAVAILABLE, "restarting");
      }
    }
    response->set_added(pictures.size());
    return grpc::Status::OK;
  }
};

class Labeling final : public v1::LabelingService::Service {
 public:
  std::vector<v1::Task> tasks;
  std::vector<v1::SubmitRequest> submitted;
  std::vector<int64_t> released;
  std::atomic<int> failures = 0;

  void AddTask(int64_t id, const std::string& file_name) {
    v1::Task task;
    task.set_task_id(id);
    task.set_lease(100 + id);
    task.mutable_image()->set_id(1000 + id);
    task.mutable_image()->set_file_name(file_name);
    tasks.push_back(task);
  }

  grpc::Status ListOpenTasks(grpc::ServerContext*, const v1::ListOpenTasksRequest*,
                             v1::ListOpenTasksResponse*) override {
    return grpc::Status::OK;
  }
  grpc::Status NextTasks(grpc::ServerContext*, const v1::NextTasksRequest* request,
                         v1::NextTasksResponse* response) override {
    for (; !tasks.empty() && response->tasks_size() < static_cast<int>(request->count());
         tasks.erase(tasks.begin())) {
      *response->add_tasks() = tasks.front();
    }
    return grpc::Status::OK;
  }
  grpc::Status Submit(grpc::ServerContext*, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override {
    if (failures > 0) {
      --failures;
      return grpc::Status(grpc::UNAVAILABLE, "restarting");
    }
    submitted.push_back(*request);
    response->set_revision_id(500 + request->task_id());
    response->set_revision(1);
    response->set_drawn(static_cast<uint32_t>(request->boxes_size()));
    return grpc::Status::OK;
  }
  grpc::Status Release(grpc::ServerContext*, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse*) override {
    for (const v1::TaskLease& lease : request->tasks()) released.push_back(lease.task_id());
    return grpc::Status::OK;
  }
};

class Rounds final : public v1::RoundService::Service {
 public:
  std::string end = "done";
  std::string watched_project;
  std::atomic<int> watches = 0;

  grpc::Status SubmitRound(grpc::ServerContext*, const v1::SubmitRoundRequest*, v1::Round* round) override {
    round->set_number(1);
    round->set_state("waiting");
    return grpc::Status::OK;
  }
  // The first stream breaks while the round trains.
  grpc::Status WatchRound(grpc::ServerContext*, const v1::WatchRoundRequest* request,
                          grpc::ServerWriter<v1::Round>* writer) override {
    watched_project = request->project();
    v1::Round round;
    round.set_number(1);
    round.set_state("training");
    round.mutable_progress()->set_kind("train");
    round.mutable_progress()->set_done(50);
    round.mutable_progress()->set_total(100);
    round.mutable_progress()->set_loss(0.5);
    round.mutable_progress()->set_ap50(0.25);
    writer->Write(round);
    if (++watches == 1) return grpc::Status(grpc::UNAVAILABLE, "restarting");
    round.set_state(end);
    round.set_error(end == "failed" ? "a loss that is no number: lower the learning rate" : "");
    writer->Write(round);
    return grpc::Status::OK;
  }
};

class Insight final : public v1::InsightService::Service {
 public:
  v1::PoolEstimates estimates;
  v1::Curve curve;
  v1::LabelCheck check;
  std::vector<v1::EstimatePoolRequest> asked;
  std::vector<v1::GetCurveRequest> asked_curves;

  grpc::Status GetCurve(grpc::ServerContext*, const v1::GetCurveRequest* request,
                        v1::Curve* response) override {
    asked_curves.push_back(*request);
    *response = curve;
    return grpc::Status::OK;
  }

  grpc::Status CheckLabels(grpc::ServerContext*, const v1::CheckLabelsRequest*,
                           v1::LabelCheck* response) override {
    *response = check;
    return grpc::Status::OK;
  }

  grpc::Status EstimatePool(grpc::ServerContext*, const v1::EstimatePoolRequest* request,
                            v1::PoolEstimates* response) override {
    asked.push_back(*request);
    if (request->score_threshold() > 1) {
      return grpc::Status(grpc::INVALID_ARGUMENT, "score_threshold must be from 0 to 1");
    }
    *response = estimates;
    return grpc::Status::OK;
  }
};

struct Result {
  int status = -1;
  std::string out;
  std::string err;
};

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{&projects_, &images_, &labeling_, &rounds_, &insight_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    std::string name = (fs::temp_directory_path() / "loupe-commands-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    Write("server.address", "127.0.0.1:" + std::to_string(port) + "\n");
    Write("admin.token", "loupe_x\n");
  }
  ~CommandsTest() override {
    server_->Shutdown();
    fs::remove_all(dir_);
  }

  void Write(const std::string& name, const std::string& text) const {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(dir_ / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  // A command line in the test's folder.
  Result Run(const std::string& arguments) const {
    const std::string program = std::string(std::getenv("LOUPE_BIN")) + "/loupe";
    const std::string line =
        "cd " + dir_.string() + " && " + program + " " + arguments + " > out 2> err < /dev/null";
    const int status = std::system(line.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read("out"), Read("err")};
  }

  void WritePictures() const {
    Write("pictures/a.jpg", "first");
    Write("pictures/b.jpg", std::string((1 << 20) + 5, 'b'));
    Write("truth.json", R"({"images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100},
                                       {"id": 2, "file_name": "b.jpg", "width": 100, "height": 100}],
                            "categories": [{"id": 3, "name": "scratch"}],
                            "annotations": [{"id": 9, "image_id": 1, "category_id": 3,
                                             "bbox": [1, 2, 3, 4]}]})");
  }

  Projects projects_;
  Images images_;
  Labeling labeling_;
  Rounds rounds_;
  Insight insight_;
  std::unique_ptr<grpc::Server> server_;
  fs::path dir_;
};

TEST_F(CommandsTest, ImportSendsPicturesAndLabelsInOneStream) {
  WritePictures();
  const Result result = Run(
      "import --dir . --images pictures --coco truth.json --labelled boxes --blind --group-by '^(.)' --json");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["added"], 2);
  ASSERT_EQ(images_.starts.size(), 1u);
  EXPECT_TRUE(images_.starts[0].blind());
  ASSERT_EQ(images_.pictures.size(), 2u);
  EXPECT_EQ(images_.pictures[0].file_name(), "a.jpg");
  EXPECT_EQ(images_.pictures[0].size_bytes(), 5u);
  EXPECT_EQ(images_.pictures[0].group(), "a");
  EXPECT_EQ(images_.pictures[0].labels().boxes_size(), 1);
  EXPECT_FALSE(images_.pictures[1].has_labels());
  EXPECT_EQ(images_.bytes, "first" + std::string((1 << 20) + 5, 'b'));
}

TEST_F(CommandsTest, ImportThatIsInterruptedIsSentAgainUnderTheSameRequestId) {
  WritePictures();
  images_.failures = 1;
  const Result result = Run("import --dir . --images pictures");
  ASSERT_EQ(result.status, 0) << result.err;
  ASSERT_EQ(images_.starts.size(), 2u);
  EXPECT_EQ(images_.starts[0].request_id(), images_.starts[1].request_id());
  EXPECT_EQ(images_.pictures.size(), 2u);
}

TEST_F(CommandsTest, ImportThatIsRefusedSaysWhy) {
  WritePictures();
  images_.refuses = true;
  const Result result = Run("import --dir . --images pictures");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("a.jpg is no picture"));
}

TEST_F(CommandsTest, ImportOfAFileWithProblemsSendsNothing) {
  WritePictures();
  Write("labelled.txt", "a.jpg\nnot-there.jpg\n");
  const Result result = Run("import --dir . --images pictures --coco truth.json --labelled @labelled.txt");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("not-there.jpg"));
  EXPECT_TRUE(images_.starts.empty());
}

TEST_F(CommandsTest, WrongUsageEndsWithTwoBeforeAnythingIsAsked) {
  for (const char* line :
       {"import --dir . --images pictures --coco truth.json", "import --dir .", "bogus", "project",
        "annotate --dir . --oracle x --blind-error 2", "status", "export --dir . --format yolo --out o",
        "provenance query --dir . --limit 0", "annotate --dir . --oracle x --patience -1",
        "provenance watch --dir . --cursor ''", "export --dir . --format csv --out o --reviewer ''",
        "withdraw --dir . --reviewer ann --from ''", "provenance stats --dir . --to ''"}) {
    const Result result = Run(line);
    EXPECT_EQ(result.status, 2) << line;
    EXPECT_THAT(result.err, testing::StartsWith("loupe: ")) << line;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_LT(result.err.size(), 250) << result.err;
  }
}

TEST_F(CommandsTest, AnEmptyValueIsNoValueThatWasLeftOut) {
  for (const std::string name :
       {"provenance verify --against", "provenance watch --cursor", "provenance model",
        "provenance query --reviewer", "export --format csv --out o --class", "--dir"}) {
    const Result result = Run(name + " ''");
    EXPECT_EQ(result.status, 2) << name;
    EXPECT_THAT(result.err, HasSubstr(" is empty: give a value, or leave it out\n")) << name;
  }
}

TEST_F(CommandsTest, AFileThatGoesOnBehindACheckpointIsNone) {
  Write("long", "loupe-checkpoint 2 1\nroot 0\n" + std::string(5 << 20, 'x'));
  const Result result = Run("provenance verify --dir . --against long");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("long is no whole checkpoint"));
}

TEST_F(CommandsTest, AnnotateSubmitsAndLogsWhatWasAcknowledged) {
  WritePictures();
  labeling_.AddTask(1, "a.jpg");
  labeling_.AddTask(2, "b.jpg");
  labeling_.failures = 2;
  const Result result = Run("--dir . annotate --oracle truth.json --log log --json");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["tasks"], 2);
  ASSERT_EQ(labeling_.submitted.size(), 2u);
  EXPECT_EQ(labeling_.submitted[0].lease(), 101);
  EXPECT_EQ(labeling_.submitted[0].boxes_size(), 1);
  EXPECT_EQ(labeling_.submitted[1].boxes_size(), 0);
  std::vector<int> revisions;
  std::ifstream log(dir_ / "log");
  for (std::string line; std::getline(log, line);) revisions.push_back(json::parse(line)["revision_id"]);
  EXPECT_THAT(revisions, ElementsAre(501, 502));
}

TEST_F(CommandsTest, AnnotateReleasesAnImageTheOracleDoesNotKnow) {
  WritePictures();
  labeling_.AddTask(1, "a.jpg");
  labeling_.AddTask(2, "strange.jpg");
  labeling_.AddTask(3, "b.jpg");
  const Result result = Run("annotate --dir . --oracle truth.json --tasks 3");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("strange.jpg"));
  EXPECT_EQ(labeling_.submitted.size(), 1u);
  EXPECT_THAT(labeling_.released, ElementsAre(2, 3));
}

TEST_F(CommandsTest, WhatNextPrintsSubmitTakes) {
  labeling_.AddTask(7, "a.jpg");
  const Result next = Run("next --dir .");
  ASSERT_EQ(next.status, 0) << next.err;
  json task = json::parse(next.out);
  Write("task.json", task.dump());
  EXPECT_EQ(Run("submit --dir . task.json").status, 1) << "no boxes yet";
  task["boxes"] = {{{"box", {1, 2, 3, 4}}, {"class", "scratch"}}};
  Write("task.json", task.dump());
  const Result submit = Run("submit --dir . task.json");
  ASSERT_EQ(submit.status, 0) << submit.err;
  ASSERT_EQ(labeling_.submitted.size(), 1u);
  EXPECT_EQ(labeling_.submitted[0].task_id(), 7);
  EXPECT_EQ(labeling_.submitted[0].boxes(0).label(), 1u);
  EXPECT_EQ(Run("next --dir .").status, 1) << "the queue is empty now";
}

TEST_F(CommandsTest, WatchSurvivesABrokenStreamAndTellsFailureByItsStatus) {
  Result result = Run("round submit --watch --json --dir .");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["state"], "done");
  EXPECT_EQ(rounds_.watches, 2);
  EXPECT_EQ(rounds_.watched_project, "parts") << "by name: another project may come meanwhile";
  EXPECT_THAT(result.err, HasSubstr("train 50/100  loss 0.500  AP50 0.250\n"));
  rounds_.watches = 0;
  rounds_.end = "failed";
  result = Run("round submit --watch --dir .");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("lower the learning rate"));
}

TEST_F(CommandsTest, EstimateTellsWhatItsFiguresRestOn) {
  v1::PoolEstimates& estimates = insight_.estimates;
  estimates.set_generation(2);
  estimates.set_model(3);
  estimates.set_score_threshold(0.25);
  estimates.set_slice_images(20);
  estimates.set_answered_images(12);
  estimates.set_open_image("a.jpg");
  estimates.set_answered_behind(4);
  estimates.set_population(600);
  estimates.set_known_images(50);
  estimates.set_images_not_covered(7);
  v1::PoolFigures& figures = *estimates.mutable_all_classes();
  figures.mutable_recall()->set_value(0.75);
  figures.mutable_recall()->set_low(0.5);
  figures.mutable_recall()->set_high(0.875);
  figures.mutable_prevalence()->set_value(0.4);
  figures.mutable_boxes_left()->set_value(123.4);
  estimates.add_classes()->set_label(1);
  *estimates.mutable_classes(0)->mutable_figures() = figures;

  const Result table = Run("estimate --dir . --score 0.25 --model round-3");
  ASSERT_EQ(table.status, 0) << table.err;
  ASSERT_EQ(insight_.asked.size(), 1u);
  EXPECT_EQ(insight_.asked[0].score_threshold(), 0.25);
  EXPECT_EQ(insight_.asked[0].model(), "round-3");
  EXPECT_THAT(table.out, testing::ContainsRegex("scratch +- +0.750 \\(0.500 to 0.875\\) +- +0.400 +123"));
  EXPECT_THAT(table.out, HasSubstr("generation 2: 12 of 20 images answered in order, drawn from 600"));
  EXPECT_THAT(table.out, HasSubstr("model 3's boxes with a score of 0.25"));
  EXPECT_THAT(table.out, HasSubstr("once a.jpg is answered, these count, too: 4 answered images"));
  EXPECT_THAT(table.out, HasSubstr("7 images came after the draw"));

  const json object = json::parse(Run("estimate --dir . --json").out);
  EXPECT_FALSE(insight_.asked[1].has_score_threshold()) << "the coordinator has the default";
  EXPECT_EQ(object["population"], 600);
  EXPECT_EQ(object["all_classes"]["recall"]["high"], 0.875);
  EXPECT_FALSE(object["all_classes"].contains("precision"));
  EXPECT_FALSE(object["all_classes"]["prevalence"].contains("low"));
  EXPECT_EQ(object["classes"][0]["class"], "scratch");
  EXPECT_EQ(object["classes"][0]["boxes_left"]["value"], 123.4);
}

void AddForecast(v1::CurveFit& fit, double n) {
  fit.set_c_fixed(true);
  v1::CurveForecast& forecast = *fit.add_forecasts();
  forecast.set_at("all labelled");
  forecast.set_n(n);
  forecast.set_ap50(0.8);
  forecast.set_ap50_low(0.75);
  forecast.set_ap50_high(0.85);
}

TEST_F(CommandsTest, CurveTellsWhatLabelsBroughtAndWhatMoreWouldBring) {
  v1::Curve& curve = insight_.curve;
  v1::CurvePoint& point = *curve.add_points();
  point.set_round(1);
  point.set_images(40);
  point.set_boxes(90);
  point.set_seconds(330);
  point.set_judged_images(25);
  point.set_ap50(0.5);
  point.set_ap50_low(0.25);
  point.set_ap50_high(0.625);
  AddForecast(*curve.mutable_by_images(), 1000);
  AddForecast(*curve.mutable_by_seconds(), 7200);
  curve.set_verdict("go on");
  curve.add_reasons()->set_speaks_for("stop");
  curve.mutable_reasons(0)->set_text("Enough boxes.");

  const Result table = Run("curve --dir . --gain 0.02 --boxes 50");
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_EQ(insight_.asked_curves[0].worthwhile_gain(), 0.02);
  EXPECT_EQ(insight_.asked_curves[0].boxes_per_class(), 50u);
  EXPECT_FALSE(insight_.asked_curves[0].has_interval_width()) << "the coordinator has the default";
  EXPECT_THAT(table.out,
              testing::ContainsRegex("1 +40 +90 +5.5 +0.500 \\(0.250 to 0.625\\) +25, imported +-"));
  EXPECT_THAT(table.out,
              testing::ContainsRegex("forecast +images.*\nall labelled +1000 +0.800 \\(0.750 to 0.850\\)"));
  EXPECT_THAT(table.out, testing::ContainsRegex("forecast +minutes.*\nall labelled +120 +0.800"));
  EXPECT_THAT(table.out, HasSubstr("forecasts far ahead are too high"));
  EXPECT_THAT(table.out, HasSubstr("\ngo on\n  stop: Enough boxes.\n"));

  const json object = json::parse(Run("curve --dir . --json").out);
  EXPECT_EQ(object["points"][0]["seconds"], 330);
  EXPECT_FALSE(object["points"][0].contains("agreement"));
  EXPECT_EQ(object["by_seconds"]["forecasts"][0]["n"], 7200);
  EXPECT_EQ(object["verdict"], "go on");
}

TEST_F(CommandsTest, CheckTellsWhatStandsOut) {
  EXPECT_THAT(Run("check --dir .").out, testing::EndsWith("nothing stands out\n"));
  v1::LabelCheck& check = insight_.check;
  check.set_model(2);
  v1::ClassCoverage& coverage = *check.add_classes();
  coverage.set_label(1);
  coverage.set_boxes(12);
  coverage.set_expected_boxes(345.6);
  coverage.set_expected_low(300);
  coverage.set_expected_high(391.2);
  coverage.set_thin(true);
  v1::Comparison& comparison = *check.add_comparisons();
  comparison.set_of("brightness");
  comparison.set_what("labelled");
  comparison.set_images(30);
  comparison.set_others(40);
  comparison.set_statistic(0.25);
  comparison.set_p_value(0.004);
  v1::DuplicateImages& duplicates = *check.mutable_holdout_duplicates();
  duplicates.set_pairs(1);
  duplicates.set_compared_holdout_images(8);
  duplicates.set_compared_pool_images(70);
  duplicates.add_examples()->set_holdout_image("a.png");
  duplicates.mutable_examples(0)->set_pool_image("b.png");
  check.add_findings("scratch has 12 boxes.");

  const Result table = Run("check --dir .");
  ASSERT_EQ(table.status, 0) << table.err;
  EXPECT_THAT(table.out, testing::ContainsRegex("scratch +12 +346 .300 to 391."));
  EXPECT_THAT(table.out, testing::ContainsRegex("labelled +brightness +30 +40 +0.2500 +0.004"));
  EXPECT_THAT(table.out, HasSubstr("8 holdout and 70 pool images"));
  EXPECT_THAT(table.out, HasSubstr("a.png (holdout) nearly repeats b.png"));
  EXPECT_THAT(table.out, testing::EndsWith("! scratch has 12 boxes.\n"));
  const json object = json::parse(Run("check --dir . --json").out);
  EXPECT_EQ(object["classes"][0]["class"], "scratch");
  EXPECT_EQ(object["comparisons"][0]["p_value"], 0.004);
  EXPECT_EQ(object["holdout_duplicates"]["compared_pool_images"], 70);
}

TEST_F(CommandsTest, EstimateWithoutFiguresSaysWhy) {
  insight_.estimates.set_no_figures("no image of the pool was drawn at random");
  const Result result = Run("estimate --dir .");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "no estimate: no image of the pool was drawn at random\n");
  const Result refused = Run("estimate --dir . --score 2");
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("score_threshold must be from 0 to 1"));
}

}  // namespace
}  // namespace loupe
