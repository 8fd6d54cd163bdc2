// Which images look alike: an index in memory per project, made in the background from the embeddings of the
// model that serves. It can be made again at any time, and each coordinator makes its own.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "db/database.h"
#include "db/ids.h"
#include "server/ranking/similarity_index.h"

namespace loupe {

class SimilarImages {
 public:
  // An index takes at most so many bytes; images beyond are not found. At 128 numbers in an embedding that
  // are 3.8 million images.
  static constexpr size_t kMaxBytes = size_t{512} << 20U;
  // Of indexes that are held; the one that was asked least recently goes. So does one that nobody has asked
  // for an hour.
  static constexpr size_t kMaxIndexes = 2;

  // Starts a thread that rests until somebody asks. `database` must outlive it.
  explicit SimilarImages(Database& database);
  ~SimilarImages();
  SimilarImages(const SimilarImages&) = delete;
  SimilarImages& operator=(const SimilarImages&) = delete;

  struct Found {
    std::vector<int64_t> images;  // candidates: about the most similar, also images that are not usable now
    float prepared = 0;           // about the share of the project's images that were compared
  };

  // `embedding`: of the model's half floats. Begins to prepare the index if there is none, and then waits a
  // moment for it. Errors: INVALID_ARGUMENT: the embedding is broken.
  absl::StatusOr<Found> Find(ProjectId project, ModelId model, const std::string& embedding, size_t count);

 private:
  struct Index {
    Index(ProjectId of_project, ModelId of_model, size_t width)
        : project(of_project), model(of_model), most(kMaxBytes / (width + 12)), rows(width) {}

    const ProjectId project;
    const ModelId model;
    const size_t most;  // images
    absl::Mutex mutex;
    ranking::SimilarityIndex rows ABSL_GUARDED_BY(mutex);
    bool complete ABSL_GUARDED_BY(mutex) = false;
    ImageId last ABSL_GUARDED_BY(mutex);  // that was read
    float prepared ABSL_GUARDED_BY(mutex) = 0;
    absl::Time asked_at;  // guarded by SimilarImages::mutex_
  };

  std::shared_ptr<Index> IndexOf(ProjectId project, ModelId model, size_t width);
  void Loop();
  // Drops those that nobody asked for long. Returns one that is to be prepared; null: none.
  std::shared_ptr<Index> NextToPrepare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds the next images. Returns false if the database doesn't answer.
  bool Extend(Index& index);

  Database& database_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<std::shared_ptr<Index>> indexes_ ABSL_GUARDED_BY(mutex_);  // the one asked last comes first
  std::thread thread_;
};

}  // namespace loupe
