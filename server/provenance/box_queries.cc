// ProvenanceServiceImpl::QueryBoxes and ExportBoxes.

#include <algorithm>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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
constexpr size_t kMessageBytes = 256 << 10;

// A box among those of a query, which are in order of image and box.
struct BoxPlace {
  int64_t image = 0;
  int64_t box = 0;
};

// A token is the place after which its page begins, and a hash of whose it is.
std::string PageTokenOf(const BoxPlace& after, const std::string& query) {
  return absl::StrCat(after.image, ".", after.box, ".", query);
}

absl::StatusOr<BoxPlace> PlaceOf(const std::string& page_token, const std::string& query) {
  BoxPlace after;
  if (page_token.empty()) return after;
  const std::vector<std::string> parts = absl::StrSplit(page_token, '.');
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &after.image) ||
      !absl::SimpleAtoi(parts[1], &after.box) || after.image < 0) {
    return BadPageToken();
  }
  if (parts[2] == query) return after;
  return PageOfAnotherQuery("project or filter");
}

// Adds boxes of these truths, which come after this place, until the page holds one more than it may.
void FillPage(Transaction& transaction, const BoxConditions& conditions, std::span<const int64_t> truths,
              const BoxPlace& after, int size, v1::QueryBoxesResponse& page) {
  while (!truths.empty() && page.boxes_size() <= size) {
    FoundBoxes found =
        ReadFoundBoxes(transaction, truths.first(std::min(truths.size(), kTruthsAtATime)), conditions);
    for (v1::FoundBox& box : found.boxes) {
      if (box.image_id() == after.image && box.box().box_id() <= after.box) continue;
      if (page.boxes_size() <= size) *page.add_boxes() = std::move(box);
    }
    truths = truths.subspan(found.revisions);
  }
}

absl::StatusOr<v1::QueryBoxesResponse> ReadPage(Transaction& transaction,
                                                const v1::QueryBoxesRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const absl::StatusOr<BoxConditions> conditions = ConditionsOf(transaction, *project, request.filter());
  if (!conditions.ok()) return conditions.status();
  const std::string query =
      QueryHash(absl::StrCat(project->value(), " ", request.filter().SerializeAsString()));
  const absl::StatusOr<BoxPlace> after = PlaceOf(request.page_token(), query);
  if (!after.ok()) return after.status();

  const int size = PageSize(request.page_size(), 100, 500);
  v1::QueryBoxesResponse page;
  int64_t last_image = after->image - 1;  // its last boxes may be on this page
  int images = 1 + size / 16;
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
  // In the order in which they were written: what is read together then lies together.
  std::sort(frozen.truths.begin(), frozen.truths.end());
  return frozen;
}

struct ExportPart {
  FoundBoxes found;
  std::vector<v1::Image> images;
};

// The next part: of as many of these truths as `found.revisions` says.
ExportPart ReadPart(Transaction& transaction, const BoxConditions& conditions,
                    std::span<const int64_t> truths, bool with_images) {
  truths = truths.first(std::min(truths.size(), kTruthsAtATime));
  ExportPart part;
  part.found = ReadFoundBoxes(transaction, truths, conditions);
  if (!with_images) return part;
  part.images = ReadImagesOfTruths(transaction, truths.first(part.found.revisions));
  if (conditions.AskAboutBoxes()) {
    std::unordered_set<int64_t> matching;
    for (const v1::FoundBox& box : part.found.boxes) matching.insert(box.image_id());
    std::erase_if(part.images, [&](const v1::Image& image) { return !matching.contains(image.id()); });
  }
  return part;
}

// Gathers boxes and images into messages.
class ExportWriter {
 public:
  explicit ExportWriter(grpc::ServerWriter<v1::ExportBoxesResponse>& writer) : writer_(writer) {}

  absl::Status Write(ExportPart part) {
    absl::Status written;
    for (v1::FoundBox& box : part.found.boxes) {
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
    if (!exports_.Begin(call.principal.id)) return TooManyCalls();
    const absl::Cleanup end = [&] { exports_.End(call.principal.id); };
    const absl::StatusOr<FrozenExport> frozen =
        ReadInTurn(call, kMethod, [&](Transaction& transaction) { return Freeze(transaction, *request); });
    if (!frozen.ok()) return frozen.status();
    ExportWriter messages(*writer);
    std::span<const int64_t> left = frozen->truths;
    while (!left.empty()) {
      absl::StatusOr<ExportPart> part = ReadInTurn(call, kMethod, [&](Transaction& transaction) {
        return absl::StatusOr<ExportPart>(
            ReadPart(transaction, frozen->conditions, left, request->with_images()));
      });
      if (!part.ok()) return part.status();
      left = left.subspan(part->found.revisions);
      if (const absl::Status written = messages.Write(*std::move(part)); !written.ok()) return written;
    }
    return messages.Finish();
  });
}

}  // namespace loupe
