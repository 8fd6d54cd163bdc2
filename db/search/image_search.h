// Finds images by what is known of them. The answer is that of the transaction's moment: what image_facet
// doesn't have yet is read of the images themselves, unless too many have changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "db/ids.h"
#include "loupe/v1/image.pb.h"

namespace loupe {

class Transaction;

// The sets of a kind whose values are from `low` to `high`, by their bytes. db/functions/image_facets.sql
// says what there is.
struct FacetRange {
  std::string kind;
  std::string low;
  std::string high;
};

// The images in one of these sets, or those in none of them.
struct FacetCondition {
  std::vector<FacetRange> sets;
  bool in_none = false;
};

struct ImageQuery {
  ProjectId project;
  // An image meets all of them. One at least is without `in_none`.
  std::vector<FacetCondition> conditions;
  // The file name begins with it, or the part behind its folders. Empty: whatever.
  std::string name_start;
  v1::ImageOrder order = v1::IMAGE_ORDER_UNSPECIFIED;
  bool descending = false;
};

// An image's place in an order: by `key`, then by id.
struct ImagePlace {
  std::string key;
  int64_t image = 0;
};

struct ImagePage {
  std::vector<int64_t> images;     // in order
  std::optional<ImagePlace> last;  // the next page begins behind it; nullopt: there is none
  std::optional<uint64_t> total;   // of the first page alone, unless it takes long to count
  bool is_behind = false;          // not all that has changed could be taken into account
};

// At most `size` images behind this place. nullopt: the first page. Fewer, if it doesn't find more until
// `deadline`. Requires: a transaction with REPEATABLE READ.
ImagePage SearchImages(Transaction& transaction, const ImageQuery& query,
                       const std::optional<ImagePlace>& after, int size, absl::Time deadline);

// These images in this order, without those that aren't there any more.
std::vector<v1::FoundImage> ReadFoundImages(Transaction& transaction, const std::vector<int64_t>& images);

}  // namespace loupe
