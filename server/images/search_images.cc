// ImageServiceImpl::SearchImages.

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/search/image_search.h"
#include "db/stores/principal_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/images/image_service.h"
#include "server/rpc/paging.h"
#include "server/rpc/score_range.h"

namespace loupe {
namespace {

constexpr absl::Duration kSearchTime = absl::Milliseconds(200);
constexpr char kFirstDay[] = "1970-01-01";
constexpr char kLastDay[] = "9999-12-31";
constexpr char kFirstScore[] = "000";
constexpr char kLastScore[] = "100";

std::string DayOf(absl::Time time) { return absl::FormatTime("%Y-%m-%d", time, absl::UTCTimeZone()); }

bool IsMidnight(absl::Time time) {
  return time == absl::FromCivil(absl::ToCivilDay(time, absl::UTCTimeZone()), absl::UTCTimeZone());
}

// As score_facet() in db/functions/image_facets.sql.
std::string ScoreFacet(float score) {
  return absl::StrFormat("%03d", static_cast<int>(std::floor(static_cast<double>(score) * 100)));
}

absl::Status CheckImageFilter(const v1::ImageFilter& filter) {
  for (const auto& time : {filter.labelled_from(), filter.labelled_to()}) {
    if (!IsStorable(time) || !IsMidnight(TimeOf(time))) {
      return InvalidArgument("labelled_from and labelled_to must be at 00:00 UTC, in the years 1970 to 9999");
    }
  }
  if (filter.has_labelled_from() && filter.has_labelled_to() &&
      TimeOf(filter.labelled_from()) >= TimeOf(filter.labelled_to())) {
    return InvalidArgument("labelled_from must be before labelled_to");
  }
  return CheckScoreRange(filter);
}

FacetCondition Is(const char* kind, const std::string& value) { return {{{kind, value, value}}}; }

// Values from `low` to `high`. Those between the first and the last of the steps that they begin with are
// asked for by the sets of the steps, of the kind `steps`.
FacetCondition IsBetween(const char* kind, const char* steps, size_t step_length, const std::string& low,
                         const std::string& high) {
  const std::string first = low.substr(0, step_length);
  const std::string last = high.substr(0, step_length);
  if (first == last) return {{{kind, low, high}}};
  // `~` comes after every digit and `-`: after each value of the first step, and before the next one.
  std::string before_last = last + "~";
  --before_last[step_length - 1];
  return {{{kind, low, first + "~"}, {steps, first + "~", before_last}, {kind, last, high}}};
}

void AddFlag(bool wanted, const char* kind, std::vector<FacetCondition>& conditions) {
  conditions.push_back({{{kind, "", ""}}, !wanted});
}

absl::StatusOr<std::vector<FacetCondition>> FacetsOf(Transaction& transaction, ProjectId project,
                                                     const v1::ImageFilter& filter) {
  // In order of their letters, `removed` lies between the others: it is left out by its name.
  std::vector<FacetCondition> conditions;
  if (filter.state() == v1::IMAGE_STATE_UNSPECIFIED) {
    conditions = {{{{"state", "excluded", "usable"}}}, {{{"state", "removed", "removed"}}, true}};
  } else {
    conditions = {Is("state", ImageStateName(filter.state()))};
  }
  if (filter.side() != v1::SIDE_UNSPECIFIED) {
    conditions.push_back(Is("side", SideName(filter.side())));
  }
  if (filter.has_labelled()) AddFlag(filter.labelled(), "labelled", conditions);
  if (!filter.labelled_by().empty()) {
    const absl::StatusOr<PrincipalId> author = ReadReviewer(transaction, filter.labelled_by());
    if (!author.ok()) return author.status();
    conditions.push_back(Is("reviewer", absl::StrCat(author->value())));
  }
  if (filter.has_labelled_from() || filter.has_labelled_to()) {
    conditions.push_back(IsBetween(
        "day", "month", 7, filter.has_labelled_from() ? DayOf(TimeOf(filter.labelled_from())) : kFirstDay,
        filter.has_labelled_to() ? DayOf(TimeOf(filter.labelled_to()) - absl::Hours(24)) : kLastDay));
  }
  if (!filter.class_name().empty()) {
    const absl::StatusOr<uint32_t> label = FindClass(transaction, project, filter.class_name());
    if (!label.ok()) return label.status();
    conditions.push_back(Is("class", absl::StrCat(*label)));
  }
  if (filter.slice() != v1::SLICE_UNSPECIFIED) conditions.push_back(Is("slice", SliceName(filter.slice())));
  if (filter.origin() != v1::ORIGIN_UNSPECIFIED) {
    conditions.push_back(Is("origin", OriginName(filter.origin())));
  }
  if (filter.has_min_score() || filter.has_max_score()) {
    conditions.push_back(IsBetween("score", "tenth", 2,
                                   filter.has_min_score() ? ScoreFacet(filter.min_score()) : kFirstScore,
                                   filter.has_max_score() ? ScoreFacet(filter.max_score()) : kLastScore));
  }
  if (filter.has_has_note()) {
    conditions.push_back(Is("labelled", ""));
    AddFlag(filter.has_note(), "note", conditions);
  }
  if (!filter.flag().empty()) conditions.push_back(Is("flag", filter.flag()));
  if (filter.has_has_request()) AddFlag(filter.has_request(), "request", conditions);
  return conditions;
}

// A token is the place after which its page begins, and a hash of what was asked for.
std::string SearchHash(ProjectId project, const v1::SearchImagesRequest& request) {
  return QueryHash(absl::StrCat(project.value(), " ", request.order(), " ", request.descending(), " ",
                                request.filter().SerializeAsString()));
}

std::string TokenOf(const ImagePlace& place, const std::string& search) {
  return absl::StrCat(place.image, ".", absl::WebSafeBase64Escape(place.key), ".", search);
}

absl::StatusOr<std::optional<ImagePlace>> StartOf(const std::string& page_token, const std::string& search) {
  if (page_token.empty()) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(page_token, '.');
  ImagePlace place;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &place.image) ||
      !absl::WebSafeBase64Unescape(parts[1], &place.key) || place.key.find('\0') != std::string::npos) {
    return BadPageToken();
  }
  if (parts[2] == search) return place;
  return PageOfAnotherQuery("project, filter or order");
}

absl::StatusOr<v1::SearchImagesResponse> FindPage(Transaction& transaction,
                                                  const v1::SearchImagesRequest& request) {
  const absl::Time deadline = absl::Now() + kSearchTime;
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  auto conditions = FacetsOf(transaction, *project, request.filter());
  if (!conditions.ok()) return conditions.status();
  const std::string search = SearchHash(*project, request);
  const auto start = StartOf(request.page_token(), search);
  if (!start.ok()) return start.status();
  const ImageQuery query{*project, *std::move(conditions), request.filter().file_name(), request.order(),
                         request.descending()};
  const ImagePage found =
      SearchImages(transaction, query, *start, PageSize(request.page_size(), 100, 500), deadline);
  v1::SearchImagesResponse page;
  for (v1::FoundImage& image : ReadFoundImages(transaction, found.images)) {
    *page.add_images() = std::move(image);
  }
  if (found.last.has_value()) page.set_next_page_token(TokenOf(*found.last, search));
  if (found.total.has_value()) page.set_total(*found.total);
  page.set_is_behind(found.is_behind);
  return page;
}

}  // namespace

grpc::Status ImageServiceImpl::SearchImages(grpc::ServerContext* context,
                                            const v1::SearchImagesRequest* request,
                                            v1::SearchImagesResponse* response) {
  constexpr char kMethod[] = "ImageService.SearchImages";
  using Response = absl::StatusOr<v1::SearchImagesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status filter = CheckImageFilter(request->filter()); !filter.ok()) return filter;
    return database_.Transact(call.LongRead(kMethod, Isolation::kRepeatableRead),
                              [&](Transaction& transaction) { return FindPage(transaction, *request); });
  });
}

}  // namespace loupe
