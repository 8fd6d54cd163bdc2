// Whether the labelled images represent the rest of the pool.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/stores/representation_store.h"
#include "loupe/v1/insight.pb.h"

namespace loupe {

// How many images that are not used are named.
constexpr int kUnusableListed = 10;

// Boxes of a class that are expected in the unlabelled images of the pool, with an interval of 95 %.
struct ExpectedBoxes {
  double count = 0;
  double low = 0;
  double high = 0;
};

// What is compared; each side is a sample.
struct RepresentationInput {
  uint32_t model = 0;  // 0: no model serves
  std::vector<v1::Class> classes;
  std::map<uint32_t, uint64_t> to_look_at;  // images of the pool, by label of a class that was added
  std::vector<int64_t> labelled_boxes;      // [classes]
  // [classes]; nullopt: no calibrated model serves, or too few images of the holdout tell what it misses.
  std::vector<std::optional<ExpectedBoxes>> expected;
  std::vector<ImageTraits> labelled;
  std::vector<ImageTraits> rest;
  std::vector<ImageTraits> random_slice;
  std::vector<ImageTraits> random_rest;
  SetAside set_aside;
  std::vector<v1::Image> unusable;  // the first kUnusableListed images that are not used
  std::vector<PictureHash> holdout;
  std::vector<PictureHash> pool;
};

// Errors: NOT_FOUND (NO_SUCH_PROJECT), INTERNAL (a stored recipe can't be read).
absl::StatusOr<RepresentationInput> ReadRepresentationInput(Transaction& transaction,
                                                            const std::string& project_name);

// May take seconds: call it outside the transaction. Errors: INTERNAL (a comparison can't be computed).
absl::StatusOr<v1::LabelCheck> CheckRepresentation(const RepresentationInput& input);

}  // namespace loupe
