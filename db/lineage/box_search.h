// Boxes of the truth by where they come from.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "db/ids.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

class Transaction;

// v1::BoxFilter with ids in place of names. nullopt, unspecified and empty: whatever.
struct BoxConditions {
  std::optional<PrincipalId> author;
  std::optional<absl::Time> from;
  std::optional<absl::Time> to;  // before it
  v1::Slice slice = v1::SLICE_UNSPECIFIED;
  v1::Side side = v1::SIDE_UNSPECIFIED;
  std::vector<v1::Origin> origins;
  std::vector<v1::Outcome> outcomes;
  std::optional<uint32_t> label;
  std::optional<ModelId> model;
  std::optional<float> min_score;
  std::optional<float> max_score;

  // Whether there is a condition on the predicted box that a box was made from; and on the box at all, not on
  // its image or revision alone.
  bool AskAboutSources() const { return !outcomes.empty() || model || min_score || max_score; }
  bool AskAboutBoxes() const { return !origins.empty() || label || AskAboutSources(); }
};

struct FoundTruths {
  std::vector<int64_t> revisions;  // in order of image
  int64_t last_image = 0;          // the search goes on after it; 0: nothing is left
};

// Truths of usable images that meet the conditions on image and revision, among the next `images` images
// after this one. It leaves out images where an index tells that none of their boxes matches.
FoundTruths FindTruths(Transaction& transaction, ProjectId project, const BoxConditions& conditions,
                       int64_t after_image, int images);

struct FoundBoxes {
  std::vector<v1::FoundBox> boxes;  // in the order of the revisions and of box_id
  size_t revisions = 0;             // of how many revisions, from the first on; one at least
};

// Boxes that meet the conditions on boxes: of all these revisions, or of the first ones where all have
// 20,000. The revisions needn't be the truth any more; images that were removed are left out. Requires: there
// is one, and each was the truth of another image. Reads fastest what was written together.
FoundBoxes ReadFoundBoxes(Transaction& transaction, std::span<const int64_t> revisions,
                          const BoxConditions& conditions);

// The images of these revisions but those that were removed, in order of id.
std::vector<v1::Image> ReadImagesOfTruths(Transaction& transaction, std::span<const int64_t> revisions);

}  // namespace loupe
