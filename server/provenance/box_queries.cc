// ProvenanceServiceImpl::QueryBoxes and ExportBoxes.

#include <algorithm>
#include <span>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "content/sha256.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/provenance/box_filter.h"
#include "server/provenance/provenance_service.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

// A page searches this many images and reads the boxes of this many truths; then it ends, also if it is not
// full.
constexpr int kImagesPerPage = 50'000;
constexpr int kTruthsPerPage = 5'000;

// What an export reads at a time, and how large a message gets.
constexpr int kFrozenAtATime = 100'000;
constexpr size_t kTruthsAtATime = 1'000;
constexpr int kBoxesAtATime = 5'000;
constexpr size_t kMessageBytes = 256 << 10;

// A token is where its page begins, and a hash of whose it is.
std::string QueryHash(ProjectId project, const v1::BoxFilter& filter) {
  return ToHex(HashOf(absl::StrCat(project.value(), " ", filter.SerializeAsString()))).substr(0, 16);
}

std::string PageTokenOf(const BoxPlace& after, const std::string& query) {
  return absl::StrCat(after.image, ".", after.box, ".", query);
}

absl::StatusOr<BoxPlace> PlaceOf(const std::string& page_token, const std::string& query) {
  BoxPlace after;
  if (page_token.empty()) return after;
  const std::vector<std::string> parts = absl::StrSplit(page_token, '.');
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &after.image) ||
      !absl::SimpleAtoi(parts[1], &after.box)) {
    return InvalidArgument("page_token must be the next_page_token of the page before, or empty");
  }
  if (parts[2] == query) return after;
  return Error(absl::StatusCode::kInvalidArgument, "PAGE_OF_ANOTHER_QUERY",
               "page_token is of another project or filter: send those that its page was asked with, or no "
               "token");
}

// Adds boxes of these truths until the page holds one more than it may.
void FillPage(Transaction& transaction, const BoxConditions& conditions, std::span<const int64_t> truths,
              const BoxPlace& after, int size, v1::QueryBoxesResponse& page) {
  while (!truths.empty() && page.boxes_size() <= size) {
    const std::span<const int64_t> part = truths.first(std::min(truths.size(), kTruthsAtATime));
    for (v1::FoundBox& box :
         ReadFoundBoxes(transaction, part, conditions, after, size + 1 - page.boxes_size())) {
      *page.add_boxes() = std::move(box);
    }
    truths = truths.subspan(part.size());
  }
}

absl::StatusOr<v1::QueryBoxesResponse> ReadPage(Transaction& transaction,
                                                const v1::QueryBoxesRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const absl::StatusOr<BoxConditions> conditions = ConditionsOf(transaction, *project, request.filter());
  if (!conditions.ok()) return conditions.status();
  const std::string query = QueryHash(*project, request.filter());
  const absl::StatusOr<BoxPlace> after = PlaceOf(request.page_token(), query);
  if (!after.ok()) return after.status();

  const int size = PageSize(request.page_size(), 100, 500);
  v1::QueryBoxesResponse page;
  int64_t last_image = after->image - 1;  // its last boxes may be on this page
  int images = 1 + size / 4;
  int searched = 0;
  size_t truths = 0;
  while (searched < kImagesPerPage && truths < kTruthsPerPage && page.boxes_size() < size) {
    const FoundTruths found = FindTruths(transaction, *project, *conditions, last_image, images);
    FillPage(transaction, *conditions, found.revisions, *after, size, page);
    if (CutPage(*page.mutable_boxes(), size)) {
      const v1::FoundBox& last = *page.boxes().rbegin();
      page.set_next_page_token(PageTokenOf({last.image_id(), last.box().box_id()}, query));
      return page;
    }
    if (found.last_image == 0) return page;
    last_image = found.last_image;
    truths += found.revisions.size();
    searched += images;
    images = std::min(4 * images, kTruthsPerPage);
  }
  page.set_next_page_token(PageTokenOf({last_image + 1, 0}, query));
  return page;
}

// What an export writes, fixed when it begins. Histories are append-only, so that what it reads later of
// these revisions is what they were: no transaction stays open for as long as the client reads.
struct FrozenExport {
  BoxConditions conditions;
  std::vector<int64_t> truths;
};

absl::StatusOr<FrozenExport> Freeze(Transaction& transaction, const v1::ExportBoxesRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  absl::StatusOr<BoxConditions> conditions = ConditionsOf(transaction, *project, request.filter());
  if (!conditions.ok()) return conditions.status();
  FrozenExport frozen{*std::move(conditions), {}};
  FoundTruths found;
  do {
    found = FindTruths(transaction, *project, frozen.conditions, found.last_image, kFrozenAtATime);
    frozen.truths.insert(frozen.truths.end(), found.revisions.begin(), found.revisions.end());
  } while (found.last_image != 0);
  return frozen;
}

struct ExportPart {
  std::vector<v1::FoundBox> boxes;
  std::vector<v1::Image> images;  // once all their boxes are read
};

// Gathers boxes and images into messages.
class ExportWriter {
 public:
  explicit ExportWriter(grpc::ServerWriter<v1::ExportBoxesResponse>& writer) : writer_(writer) {}

  absl::Status Write(ExportPart part) {
    absl::Status written;
    for (v1::FoundBox& box : part.boxes) {
      bytes_ += box.ByteSizeLong();
      *message_.add_boxes() = std::move(box);
      if (written = FlushAt(kMessageBytes); !written.ok()) return written;
    }
    for (v1::Image& image : part.images) {
      bytes_ += image.ByteSizeLong();
      *message_.add_images() = std::move(image);
      if (written = FlushAt(kMessageBytes); !written.ok()) return written;
    }
    return written;
  }

  absl::Status Finish() { return FlushAt(1); }

 private:
  absl::Status FlushAt(size_t bytes) {
    if (bytes_ < bytes) return absl::OkStatus();
    bytes_ = 0;
    const bool written = writer_.Write(message_);
    message_.Clear();
    return written ? absl::OkStatus() : absl::CancelledError("the client went away");
  }

  grpc::ServerWriter<v1::ExportBoxesResponse>& writer_;
  v1::ExportBoxesResponse message_;
  size_t bytes_ = 0;
};

// Reads an export piece by piece, each in a transaction of its own.
class ExportReader {
 public:
  explicit ExportReader(FrozenExport frozen) : frozen_(std::move(frozen)) {}

  bool AtEnd() const { return done_ == frozen_.truths.size(); }

  // Requires: not AtEnd(). It may run again after a conflict, so it moves nothing on.
  ExportPart Read(Transaction& transaction) const {
    ExportPart part;
    part.boxes = ReadFoundBoxes(transaction, Truths(), frozen_.conditions, after_, kBoxesAtATime);
    if (!IsLastOfTruths(part)) return part;
    part.images = ReadImagesOfTruths(transaction, Truths());
    if (frozen_.conditions.AskAboutBoxes()) {
      std::unordered_set<int64_t> matching = matching_;
      for (const v1::FoundBox& box : part.boxes) matching.insert(box.image_id());
      std::erase_if(part.images, [&](const v1::Image& image) { return !matching.contains(image.id()); });
    }
    return part;
  }

  // After a part was read.
  void Advance(const ExportPart& part) {
    if (IsLastOfTruths(part)) {
      done_ += Truths().size();
      after_ = {};
      matching_.clear();
      return;
    }
    for (const v1::FoundBox& box : part.boxes) matching_.insert(box.image_id());
    after_ = {part.boxes.back().image_id(), part.boxes.back().box().box_id()};
  }

 private:
  std::span<const int64_t> Truths() const {
    return std::span(frozen_.truths).subspan(done_, std::min(kTruthsAtATime, frozen_.truths.size() - done_));
  }
  static bool IsLastOfTruths(const ExportPart& part) {
    return part.boxes.size() < static_cast<size_t>(kBoxesAtATime);
  }

  FrozenExport frozen_;
  size_t done_ = 0;                       // truths
  BoxPlace after_;                        // among the boxes of the next ones
  std::unordered_set<int64_t> matching_;  // images of the boxes that were read of them
};

}  // namespace

grpc::Status ProvenanceServiceImpl::QueryBoxes(grpc::ServerContext* context,
                                               const v1::QueryBoxesRequest* request,
                                               v1::QueryBoxesResponse* response) {
  constexpr char kMethod[] = "ProvenanceService.QueryBoxes";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(call.LongRead(kMethod, Isolation::kRepeatableRead),
                              [&](Transaction& transaction) { return ReadPage(transaction, *request); });
  });
}

grpc::Status ProvenanceServiceImpl::ExportBoxes(grpc::ServerContext* context,
                                                const v1::ExportBoxesRequest* request,
                                                grpc::ServerWriter<v1::ExportBoxesResponse>* writer) {
  constexpr char kMethod[] = "ProvenanceService.ExportBoxes";
  return calls_.Stream(context, kMethod, request, [&](const Call& call) -> absl::Status {
    const absl::Cleanup end = [&] { --exports_; };
    if (++exports_ > kMaxExports) return TooManyCalls();
    const auto read = [&](auto body) -> std::invoke_result_t<decltype(body), Transaction&> {
      const auto turn = calls_.WaitForTurn(call);
      if (!turn.ok()) return turn.status();
      return database_.Transact(call.LongRead(kMethod, Isolation::kRepeatableRead), body);
    };
    absl::StatusOr<FrozenExport> frozen =
        read([&](Transaction& transaction) { return Freeze(transaction, *request); });
    if (!frozen.ok()) return frozen.status();
    ExportReader reader(*std::move(frozen));
    ExportWriter messages(*writer);
    while (!reader.AtEnd()) {
      absl::StatusOr<ExportPart> part = read(
          [&](Transaction& transaction) { return absl::StatusOr<ExportPart>(reader.Read(transaction)); });
      if (!part.ok()) return part.status();
      reader.Advance(*part);
      if (const absl::Status written = messages.Write(*std::move(part)); !written.ok()) return written;
    }
    return messages.Finish();
  });
}

}  // namespace loupe
