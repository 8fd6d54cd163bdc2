#include "server/images/similar_images.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "content/steady_clock.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/images/image_service.h"
#include "server/rpc/asked_image.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

constexpr int kEmbeddingsAtATime = 5000;  // read in about 40 ms
constexpr absl::Duration kReadingDeadline = absl::Seconds(30);
constexpr absl::Duration kForgottenAfter = absl::Hours(1);
constexpr absl::Duration kSimilarPeriod = absl::Minutes(1);
constexpr absl::Duration kAfterFailure = absl::Seconds(5);
// How long a call waits for an index that is being prepared: small projects are done by then.
constexpr absl::Duration kIndexPatience = absl::Milliseconds(150);
// Candidates for an image that is wanted: the index errs in the order of those that are about as similar.
constexpr size_t kCandidatesEach = 5;

// The image that is asked about, with the model that serves.
struct AskedLook {
  ProjectId project;
  ModelRow model;
  std::string embedding;
};

// Errors: as ImageService.FindSimilarImages.
absl::StatusOr<AskedLook> ReadAskedLook(Transaction& transaction,
                                        const v1::FindSimilarImagesRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const absl::StatusOr<v1::Image> image = FindAskedImage(transaction, *project, request.image_id(), "");
  if (!image.ok()) return image.status();
  if (image->side() == v1::HOLDOUT) {
    return Error(absl::StatusCode::kFailedPrecondition, "HOLDOUT_IMAGE",
                 "the image belongs to the holdout, which nothing is chosen by: choose one of the pool");
  }
  std::optional<ModelRow> model = FindModel(transaction, *project, "");
  if (!model.has_value()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_SERVING_MODEL",
                 "no model serves yet, and images are compared by what it sees: train one first");
  }
  const std::vector<Embedded> embedded = ReadEmbedded(transaction, model->id, {ImageId(image->id())});
  if (embedded.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_PREDICTED",
                 "the serving model has not predicted this image, or it is not used: choose another one");
  }
  return AskedLook{*project, *std::move(model), embedded[0].embedding};
}

// The most similar of the candidates, without the image itself.
absl::StatusOr<std::vector<v1::SimilarImage>> MostSimilar(const AskedLook& look, int64_t itself,
                                                          std::vector<Embedded> candidates, size_t count) {
  std::vector<v1::SimilarImage> similar;
  for (Embedded& candidate : candidates) {
    if (candidate.image.id() == itself) continue;
    const absl::StatusOr<double> cosine = ranking::Cosine(look.embedding, candidate.embedding);
    if (!cosine.ok()) return cosine.status();
    v1::SimilarImage& one = similar.emplace_back();
    one.set_similarity(static_cast<float>(*cosine));
    *one.mutable_image() = std::move(candidate.image);
  }
  std::sort(similar.begin(), similar.end(), [](const v1::SimilarImage& a, const v1::SimilarImage& b) {
    return a.similarity() != b.similarity() ? a.similarity() > b.similarity()
                                            : a.image().id() < b.image().id();
  });
  similar.resize(std::min(similar.size(), count));
  return similar;
}

}  // namespace

SimilarImages::SimilarImages(Database& database) : database_(database), thread_([this] { Loop(); }) {}

SimilarImages::~SimilarImages() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

std::shared_ptr<SimilarImages::Index> SimilarImages::IndexOf(ProjectId project, ModelId model, size_t width) {
  absl::MutexLock lock(&mutex_);
  const auto found = std::find_if(indexes_.begin(), indexes_.end(), [&](const std::shared_ptr<Index>& index) {
    return index->project == project && index->model == model;
  });
  if (found == indexes_.end()) {
    // That of the model that served before is of no use any more.
    indexes_.remove_if([&](const std::shared_ptr<Index>& index) { return index->project == project; });
    if (indexes_.size() == kMaxIndexes) indexes_.pop_back();
    indexes_.push_front(std::make_shared<Index>(project, model, width));
    changed_.SignalAll();
  } else {
    indexes_.splice(indexes_.begin(), indexes_, found);
  }
  indexes_.front()->asked_at = absl::Now();
  return indexes_.front();
}

absl::StatusOr<SimilarImages::Found> SimilarImages::Find(ProjectId project, ModelId model,
                                                         const std::string& embedding, size_t count) {
  const std::shared_ptr<Index> index = IndexOf(project, model, embedding.size() / 2);
  index->mutex.ReaderLockWhenWithTimeout(absl::Condition(&index->complete), kIndexPatience);
  absl::StatusOr<std::vector<int64_t>> images = index->rows.Search(embedding, count);
  const float prepared = index->prepared;
  index->mutex.ReaderUnlock();
  if (!images.ok()) return images.status();
  return Found{*std::move(images), prepared};
}

std::shared_ptr<SimilarImages::Index> SimilarImages::NextToPrepare() {
  indexes_.remove_if(
      [](const std::shared_ptr<Index>& index) { return absl::Now() - index->asked_at > kForgottenAfter; });
  for (const std::shared_ptr<Index>& index : indexes_) {
    absl::ReaderMutexLock lock(&index->mutex);
    if (!index->complete) return index;
  }
  return nullptr;
}

void SimilarImages::Loop() {
  for (;;) {
    std::shared_ptr<Index> index;
    {
      absl::MutexLock lock(&mutex_);
      while (!stopping_ && (index = NextToPrepare()) == nullptr) {
        changed_.WaitWithTimeout(&mutex_, kSimilarPeriod);
      }
      if (stopping_) return;
    }
    const Stopwatch took;
    const bool extended = Extend(*index);
    // People who label come first: half of the time is theirs.
    const absl::Duration rest = extended ? took.Elapsed() : kAfterFailure;
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), rest);
  }
}

bool SimilarImages::Extend(Index& index) {
  ImageId after;
  {
    absl::ReaderMutexLock lock(&index.mutex);
    after = index.last;
  }
  struct Page {
    std::vector<PoolEmbedding> embeddings;
    ImageSpan span;
  };
  const absl::StatusOr<Page> page = database_.Transact(
      {"ReadPoolEmbeddings", kReadingDeadline}, [&](Transaction& transaction) -> absl::StatusOr<Page> {
        return Page{ReadPoolEmbeddings(transaction, index.project, index.model, after, kEmbeddingsAtATime),
                    ReadImageSpan(transaction, index.project)};
      });
  if (!page.ok()) return false;
  absl::MutexLock lock(&index.mutex);
  for (const PoolEmbedding& embedding : page->embeddings) {
    if (index.rows.size() == index.most) break;
    (void)index.rows.Add(embedding.image.value(), embedding.embedding);  // a broken one is not found
    index.last = embedding.image;
  }
  const bool read_all = page->embeddings.size() < kEmbeddingsAtATime;
  const auto passed = static_cast<float>(index.last.value() - page->span.first.value() + 1);
  const auto all = static_cast<float>(page->span.last.value() - page->span.first.value() + 1);
  const bool has_room = index.rows.size() < index.most;
  index.prepared = read_all && has_room ? 1 : std::clamp(passed / all, 0.0F, 0.999F);
  index.complete = read_all || !has_room;
  return true;
}

grpc::Status ImageServiceImpl::FindSimilarImages(grpc::ServerContext* context,
                                                 const v1::FindSimilarImagesRequest* request,
                                                 v1::FindSimilarImagesResponse* response) {
  constexpr char kMethod[] = "ImageService.FindSimilarImages";
  constexpr uint32_t kMaxCount = 100;
  using Response = absl::StatusOr<v1::FindSimilarImagesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (request->count() > kMaxCount) {
      return InvalidArgument(absl::StrCat("count must be within 1 and ", kMaxCount));
    }
    const auto count = static_cast<size_t>(PageSize(request->count(), 20, kMaxCount));
    const auto look = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return ReadAskedLook(transaction, *request);
    });
    if (!look.ok()) return look.status();
    const absl::StatusOr<SimilarImages::Found> found =
        similar_.Find(look->project, look->model.id, look->embedding, (count + 1) * kCandidatesEach);
    if (!found.ok()) return found.status();
    const std::vector<ImageId> ids(found->images.begin(), found->images.end());
    auto candidates = database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<std::vector<Embedded>> {
          return ReadEmbedded(transaction, look->model.id, ids);
        });
    if (!candidates.ok()) return candidates.status();
    auto similar = MostSimilar(*look, request->image_id(), *std::move(candidates), count);
    if (!similar.ok()) return similar.status();
    v1::FindSimilarImagesResponse answer;
    for (v1::SimilarImage& image : *similar) *answer.add_images() = std::move(image);
    answer.set_model(look->model.message.number());
    answer.set_prepared(found->prepared);
    return answer;
  });
}

}  // namespace loupe
