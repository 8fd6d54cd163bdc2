// A project in a real PostgreSQL, served on a real port, with a worker that speaks the protocol and makes its
// predictions up.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>

#include "loupe/v1/detector.pb.h"
#include "loupe/v1/model.grpc.pb.h"
#include "loupe/v1/round.grpc.pb.h"
#include "loupe/v1/worker.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/insight/insight_service.h"
#include "server/jobs/worker_service.h"
#include "server/models/model_service.h"
#include "server/rounds/round_planner.h"
#include "server/rounds/round_service.h"
#include "server/rpc/rpc_call.h"
#include "tests/support/test_database.h"

namespace loupe {

// Every picture is 100 x 80 pixels and shows one part with a defect at (10, 10, 50, 40), of class 1 where its
// place in its side is even, else of class 2.
class RoundWorld {
 public:
  RoundWorld(int pool_images, int holdout_images);
  ~RoundWorld();

  // Labels images of one side by their place, from `first` up to before `last`, with what is on them; each
  // took `spent_ms`, where 0 is not known.
  void Label(const char* side, int first, int last, bool blind = true, int spent_ms = 0);

  // Labels five images of the pool and makes the TRAIN job of a round, which will predict in one shard.
  void StartRound();
  // Of jobs and tasks.
  void ExpireLeases();

  int64_t ImageAt(const char* side, int place);
  // The class of the defect on an image.
  uint32_t ClassOn(int64_t image);

  int64_t Number(const std::string& sql);
  std::string Text(const std::string& sql);

  std::unique_ptr<grpc::ClientContext> Context(const std::string& token, int deadline_ms = 20000) const;

  std::string NewRequestId() { return "request-" + std::to_string(++requests_); }
  // Requires: it succeeds.
  v1::Round Submit(const std::string& recipe);
  v1::Round Get(uint32_t number);

  TestDatabase database;
  TemporaryFolder folder;
  BlobStore blobs;
  RpcCalls calls;
  std::string engineer;
  std::string annotator;
  std::string worker;
  std::unique_ptr<v1::RoundService::Stub> rounds;
  std::unique_ptr<v1::ModelService::Stub> models;
  std::unique_ptr<v1::WorkerService::Stub> jobs;
  std::unique_ptr<v1::InsightService::Stub> insight;
  RoundPlanner planner;

 private:
  std::string MakeToken(const char* role);

  RoundServiceImpl round_service_;
  ModelServiceImpl model_service_;
  WorkerServiceImpl worker_service_;
  InsightServiceImpl insight_service_;
  std::unique_ptr<grpc::Server> server_;
  int requests_ = 0;
};

// The reason in an error's google.rpc.ErrorInfo.
std::string ReasonOf(const grpc::Status& status);

// A whole safetensors file with one tensor, a part of every ResNet preset; its bytes begin with this text, of
// at most 256 bytes.
std::string MadeUpWeights(const std::string& text);

// A whole safetensors file with every tensor of a detector of so many classes, all zeros.
std::string WholeWeights(const v1::Detector& detector, int classes,
                         const std::map<std::string, std::string>& metadata);

// Such a file of the job's preset, or with kDetectron2Preset of `small`; `text` is among its metadata.
std::string TrainedWeights(const v1::Job& job, const std::string& text);

class ScriptedWorker {
 public:
  // quality: share of the defects that its models find.
  ScriptedWorker(RoundWorld& world, double quality) : world_(world), quality_(quality) {}

  // nullopt: there is none now.
  std::optional<v1::Job> Lease();
  // Does a whole job. Requires: every call succeeds.
  void Do(const v1::Job& job, const v1::JobProgress& progress = {});
  // Moves rounds on and does jobs until a round has ended. Returns the round.
  v1::Round Finish(uint32_t round);

  std::vector<v1::Image> ReadImages(const v1::Job& job);
  std::vector<v1::JobImage> ReadJobImages(const v1::Job& job);
  std::vector<v1::SnapshotItem> ReadSnapshot(const v1::Job& job);
  v1::ImagePrediction Predict(const v1::Image& image) const;
  // What a job still has to predict.
  std::vector<v1::ImagePrediction> PredictAll(const v1::Job& job);
  grpc::Status Upload(const v1::Job& job, const std::vector<v1::ImagePrediction>& predictions,
                      v1::UploadPredictionsResponse* response);
  grpc::Status Write(const v1::Job& job, const std::string& bytes, const Sha256& hash);
  grpc::Status Checkpoint(const v1::Job& job, const std::string& bytes, uint64_t iteration);
  // Writes the weights, if there are any, and completes the job.
  grpc::Status Complete(const v1::Job& job, const std::string& weights = "");
  // Weights that were written before.
  grpc::Status CompleteWith(const v1::Job& job, const std::string& weights);
  grpc::Status Renew(const v1::Job& job, const v1::JobProgress& progress = {});

 private:
  RoundWorld& world_;
  const double quality_;
};

}  // namespace loupe
