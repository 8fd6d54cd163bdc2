// Page tokens and page sizes of listings.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "proto/error_info.h"

namespace loupe {

inline absl::Status BadPageToken() {
  return InvalidArgument("page_token must be the next_page_token of the page before, or empty");
}

// Where a page starts, from its token: the number that the page before put into next_page_token; 0 for the
// first page. Errors: INVALID_ARGUMENT.
inline absl::StatusOr<int64_t> PageStart(const std::string& page_token) {
  int64_t start = 0;
  if (page_token.empty() || (absl::SimpleAtoi(page_token, &start) && start >= 0)) return start;
  return BadPageToken();
}

// Of a token of a query: 16 digits that tell what was asked for.
inline std::string QueryHash(const std::string& query) { return ToHex(HashOf(query)).substr(0, 16); }

// The token has another QueryHash. `what`: of which the query consists, e.g. "project or filter".
inline absl::Status PageOfAnotherQuery(const char* what) {
  return Error(absl::StatusCode::kInvalidArgument, "PAGE_OF_ANOTHER_QUERY",
               absl::StrCat("page_token is of another ", what,
                            ": send those that its page was asked with, or no token"));
}

// The requested size, at most `at_most`; `by_default` when the request gives none (0).
constexpr int PageSize(uint32_t asked, uint32_t by_default, uint32_t at_most) {
  return static_cast<int>(asked == 0 ? by_default : std::min(asked, at_most));
}

// Of a page of which one row more than `size` was asked for: takes that row out. Returns whether it was
// there, which is whether another page follows.
template <typename Rows>
bool CutPage(Rows& rows, int size) {
  if (rows.size() <= size) return false;
  rows.RemoveLast();
  return true;
}

}  // namespace loupe
