#include "tests/server/rounds/round_world.h"

#include <gtest/gtest.h>

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <nlohmann/json.hpp>
#include <pqxx/result>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "db/stores/principal_store.h"
#include "recipe/detector_metadata.h"
#include "recipe/detector_tensors.h"
#include "recipe/presets.h"
#include "server/rpc/auth.h"

namespace loupe {
namespace {

BlobStore OpenBlobs(const std::filesystem::path& folder) {
  absl::StatusOr<BlobStore> store = BlobStore::Open(folder / "blobs");
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

constexpr char kProject[] = R"sql(
  INSERT INTO project (name, seed, holdout_fraction, holdout_target, strategy)
  VALUES ('parts', 1, 0.3, 30, 'entropy');
  INSERT INTO class (project_id, label, name) VALUES (1, 1, 'scratch'), (1, 2, 'dent');
  INSERT INTO ranking (project_id, generation, strategy, seed, state, activated_at)
  VALUES (1, 0, 'random', 1, 'active', now());
)sql";

// `count` images of a side; the holdout's keys are in the order of their ids.
std::string InsertImages(const char* side, int count) {
  return absl::StrCat(
      "INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, ",
      "sampling_key, side) SELECT 1, sha256(('", side, "' || i)::bytea), '", side,
      "-' || i || '.png', 100, 80, 1000, 'image/png', i / 1e6, '", side, "' FROM generate_series(0, ",
      count - 1, ") i ORDER BY i;");
}

}  // namespace

RoundWorld::RoundWorld(int pool_images, int holdout_images)
    : blobs(OpenBlobs(folder.path())),
      calls(database.get()),
      planner(database.get(), blobs),
      round_service_(calls, database.get(), blobs),
      model_service_(calls, database.get(), blobs),
      worker_service_(calls, database.get(), blobs),
      insight_service_(calls, database.get()) {
  database.Sql(
      absl::StrCat(kProject, InsertImages("pool", pool_images), InsertImages("holdout", holdout_images)));
  engineer = MakeToken("engineer");
  annotator = MakeToken("annotator");
  worker = MakeToken("worker");
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&round_service_);
  builder.RegisterService(&model_service_);
  builder.RegisterService(&worker_service_);
  builder.RegisterService(&insight_service_);
  server_ = builder.BuildAndStart();
  const auto channel =
      grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
  rounds = v1::RoundService::NewStub(channel);
  models = v1::ModelService::NewStub(channel);
  jobs = v1::WorkerService::NewStub(channel);
  insight = v1::InsightService::NewStub(channel);
}

RoundWorld::~RoundWorld() {
  calls.Drain();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
}

std::string RoundWorld::MakeToken(const char* role) {
  std::string secret = NewTokenSecret();
  v1::Role parsed = v1::ROLE_UNSPECIFIED;
  EXPECT_TRUE(v1::Role_Parse(absl::AsciiStrToUpper(role), &parsed));
  const auto token = database.get().Transact({"MakeToken", absl::Minutes(1)}, [&](Transaction& transaction) {
    return InsertPrincipal(transaction, role, parsed, HashOf(secret));
  });
  EXPECT_TRUE(token.ok()) << token.status();
  return secret;
}

void RoundWorld::Label(const char* side, int first, int last, bool blind, int spent_ms) {
  database.Sql(absl::StrCat(
      "SELECT append_revision(id, 'import', 1, NULL, ", blind ? "true" : "false", ", false, ", spent_ms,
      ", NULL, '', '', '{}', ARRAY[10, 10, 50, 40]::real[], ARRAY[1 + (sampling_key * 1e6)::int % 2], "
      "ARRAY['imported'], ARRAY[false], ARRAY[-1], ARRAY[0]::bigint[], ARRAY[-1], '{}') "
      "FROM image WHERE side = '",
      side, "' AND (sampling_key * 1e6)::int BETWEEN ", first, " AND ", last - 1, " ORDER BY id"));
}

void RoundWorld::StartRound() {
  Label("pool", 0, 5);
  Submit("ranking { budget: 10 } prediction { shard_size: 500 }");
  ASSERT_TRUE(planner.RunOnce().ok());
}

void RoundWorld::ExpireLeases() { database.Sql("UPDATE lease SET expires_at = now() - interval '1 second'"); }

int64_t RoundWorld::ImageAt(const char* side, int place) {
  return Number(absl::StrCat("SELECT id FROM image WHERE file_name = '", side, "-", place, ".png'"));
}

uint32_t RoundWorld::ClassOn(int64_t image) {
  return static_cast<uint32_t>(
      Number(absl::StrCat("SELECT 1 + (sampling_key * 1e6)::int % 2 FROM image WHERE id = ", image)));
}

int64_t RoundWorld::Number(const std::string& sql) { return database.Sql(sql).at(0)[0].as<int64_t>(); }

std::string RoundWorld::Text(const std::string& sql) { return database.Sql(sql).at(0)[0].as<std::string>(); }

std::unique_ptr<grpc::ClientContext> RoundWorld::Context(const std::string& token, int deadline_ms) const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(deadline_ms));
  return context;
}

v1::Round RoundWorld::Submit(const std::string& recipe) {
  v1::SubmitRoundRequest request;
  request.set_request_id(NewRequestId());
  request.set_recipe(recipe);
  v1::Round round;
  const grpc::Status status = rounds->SubmitRound(Context(engineer).get(), request, &round);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return round;
}

v1::Round RoundWorld::Get(uint32_t number) {
  v1::GetRoundRequest request;
  request.set_number(number);
  v1::Round round;
  const grpc::Status status = rounds->GetRound(Context(engineer).get(), request, &round);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return round;
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

std::string MadeUpWeights(const std::string& text) {
  const std::string header = R"({"bn1.weight":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}})";
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>((header.size() >> (8 * i)) & 0xff));
  std::string data = text;
  data.resize(256, ' ');
  return file + header + data;
}

std::string WholeWeights(const v1::Detector& detector, int classes,
                         const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = {{"__metadata__", metadata}};
  uint64_t end = 0;
  for (const auto& [name, shape] : TensorShapes(detector, classes)) {
    uint64_t bytes = 1;
    for (const int64_t side : shape) bytes *= static_cast<uint64_t>(side);
    header[name] = {{"dtype", "U8"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
    end += bytes;
  }
  const std::string json = header.dump();
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>((json.size() >> (8 * i)) & 0xff));
  return file + json + std::string(end, '\0');
}

std::string TrainedWeights(const v1::Job& job, const std::string& text) {
  const std::string& preset = job.recipe().detector().preset();
  const v1::Detector detector = PresetDetector(preset == kDetectron2Preset ? "small" : preset).value();
  return WholeWeights(detector, job.classes_size(),
                      {{"about", text}, {kDetectorKey, DetectorText(detector)}});
}

std::optional<v1::Job> ScriptedWorker::Lease() {
  v1::LeaseJobRequest request;
  request.set_request_id(world_.NewRequestId());
  request.set_worker("scripted");
  v1::LeaseJobResponse response;
  // The coordinator answers before the deadline.
  const grpc::Status status =
      world_.jobs->LeaseJob(world_.Context(world_.worker, 800).get(), request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  if (!response.has_job()) return std::nullopt;
  return response.job();
}

void ScriptedWorker::Do(const v1::Job& job, const v1::JobProgress& progress) {
  ASSERT_TRUE(Renew(job, progress).ok());
  grpc::Status status;
  if (job.kind() == v1::TRAIN) {
    EXPECT_EQ(ReadSnapshot(job).size(), job.images());
    status = Complete(job, TrainedWeights(job, absl::StrCat("round ", job.round(), " quality ", quality_)));
  } else {
    v1::UploadPredictionsResponse response;
    status = Upload(job, PredictAll(job), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    status = Complete(job);
  }
  ASSERT_TRUE(status.ok()) << status.error_message();
}

v1::Round ScriptedWorker::Finish(uint32_t round) {
  for (int pass = 0; pass < 100; ++pass) {
    const absl::Status planned = world_.planner.RunOnce();
    EXPECT_TRUE(planned.ok()) << planned;
    v1::Round now = world_.Get(round);
    if (now.has_ended_at()) return now;
    if (world_.Number("SELECT count(*) FROM job WHERE state = 'waiting'") == 0) continue;
    if (const std::optional<v1::Job> job = Lease()) Do(*job);
  }
  ADD_FAILURE() << "round " << round << " does not end";
  return world_.Get(round);
}

std::vector<v1::Image> ScriptedWorker::ReadImages(const v1::Job& job) {
  std::vector<v1::Image> images;
  for (const v1::JobImage& image : ReadJobImages(job)) images.push_back(image.image());
  return images;
}

std::vector<v1::JobImage> ScriptedWorker::ReadJobImages(const v1::Job& job) {
  v1::ReadJobImagesRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  const auto context = world_.Context(world_.worker);
  const auto reader = world_.jobs->ReadJobImages(context.get(), request);
  std::vector<v1::JobImage> images;
  v1::JobImage image;
  while (reader->Read(&image)) images.push_back(image);
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return images;
}

std::vector<v1::SnapshotItem> ScriptedWorker::ReadSnapshot(const v1::Job& job) {
  v1::ReadSnapshotRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  const auto context = world_.Context(world_.worker);
  const auto reader = world_.jobs->ReadSnapshot(context.get(), request);
  std::vector<v1::SnapshotItem> items;
  v1::SnapshotItem item;
  while (reader->Read(&item)) items.push_back(item);
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return items;
}

v1::ImagePrediction ScriptedWorker::Predict(const v1::Image& image) const {
  const auto place = static_cast<int>(image.sampling_key() * 1e6 + 0.5);
  v1::ImagePrediction prediction;
  prediction.set_image_id(image.id());
  const bool found = (place * 37) % 100 < quality_ * 100;
  // A missed defect is a box elsewhere.
  const float shift = found ? 0 : 40;
  for (const float corner : {10 + shift, 10 + shift, 50 + shift, 40 + shift}) prediction.add_corners(corner);
  const uint32_t label = 1 + static_cast<uint32_t>(place) % 2;
  const float score = 0.5F + 0.45F * static_cast<float>(place % 10) / 10;
  prediction.add_labels(label);
  prediction.add_scores(score);
  prediction.add_runner_up_labels(3 - label);
  prediction.add_runner_up_scores((1 - score) / 2);
  prediction.add_background_scores((1 - score) / 2);
  prediction.add_agreements(0.8F);
  prediction.set_embedding(std::string(16, '\0'));
  prediction.set_max_foreground_score(score);
  return prediction;
}

std::vector<v1::ImagePrediction> ScriptedWorker::PredictAll(const v1::Job& job) {
  std::vector<v1::ImagePrediction> predictions;
  for (const v1::Image& image : ReadImages(job)) predictions.push_back(Predict(image));
  return predictions;
}

grpc::Status ScriptedWorker::Upload(const v1::Job& job, const std::vector<v1::ImagePrediction>& predictions,
                                    v1::UploadPredictionsResponse* response) {
  const auto context = world_.Context(world_.worker);
  const auto writer = world_.jobs->UploadPredictions(context.get(), response);
  v1::UploadPredictionsRequest request;
  request.mutable_start()->set_job_id(job.job_id());
  request.mutable_start()->set_lease(job.lease());
  bool open = writer->Write(request);
  for (const v1::ImagePrediction& prediction : predictions) {
    if (!open) break;
    *request.mutable_prediction() = prediction;
    open = writer->Write(request);
  }
  writer->WritesDone();
  return writer->Finish();
}

grpc::Status ScriptedWorker::Write(const v1::Job& job, const std::string& bytes, const Sha256& hash) {
  v1::WriteBlobResponse response;
  const auto context = world_.Context(world_.worker);
  const auto writer = world_.jobs->WriteBlob(context.get(), &response);
  v1::WriteBlobRequest request;
  request.mutable_header()->set_job_id(job.job_id());
  request.mutable_header()->set_lease(job.lease());
  request.mutable_header()->set_sha256(ToBytes(hash));
  request.mutable_header()->set_size_bytes(bytes.size());
  constexpr size_t kChunk = 1 << 20;
  bool open = writer->Write(request);
  for (size_t begin = 0; open && begin < bytes.size(); begin += kChunk) {
    request.set_chunk(bytes.substr(begin, kChunk));
    open = writer->Write(request);
  }
  writer->WritesDone();
  return writer->Finish();
}

grpc::Status ScriptedWorker::Checkpoint(const v1::Job& job, const std::string& bytes, uint64_t iteration) {
  if (grpc::Status status = Write(job, bytes, HashOf(bytes)); !status.ok()) return status;
  v1::SaveCheckpointRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  request.set_sha256(ToBytes(HashOf(bytes)));
  request.set_iteration(iteration);
  v1::SaveCheckpointResponse response;
  return world_.jobs->SaveCheckpoint(world_.Context(world_.worker).get(), request, &response);
}

grpc::Status ScriptedWorker::Complete(const v1::Job& job, const std::string& weights) {
  if (!weights.empty()) {
    if (grpc::Status status = Write(job, weights, HashOf(weights)); !status.ok()) return status;
  }
  return CompleteWith(job, weights);
}

grpc::Status ScriptedWorker::CompleteWith(const v1::Job& job, const std::string& weights) {
  v1::CompleteJobRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  if (!weights.empty()) {
    request.set_weights_sha256(ToBytes(HashOf(weights)));
    request.set_weights_bytes(weights.size());
  }
  v1::CompleteJobResponse response;
  return world_.jobs->CompleteJob(world_.Context(world_.worker).get(), request, &response);
}

grpc::Status ScriptedWorker::Renew(const v1::Job& job, const v1::JobProgress& progress) {
  v1::HeartbeatRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  *request.mutable_progress() = progress;
  v1::HeartbeatResponse response;
  return world_.jobs->Heartbeat(world_.Context(world_.worker).get(), request, &response);
}

}  // namespace loupe
