// How many images and boxes a project has.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/image.pb.h"

namespace loupe {

class Transaction;

// Of usable images but for UnusableOf. Labels are those of the truth.
class ImageCounts {
 public:
  // Counts at the transaction's moment, in milliseconds unless more than a thousand images have just changed.
  ImageCounts(Transaction& transaction, ProjectId project);

  uint64_t ImagesOf(v1::Side side) const { return Of(side, "state/usable"); }
  uint64_t LabelledOf(v1::Side side) const { return Of(side, "labelled"); }
  uint64_t BlindOf(v1::Side side) const { return Of(side, "blind"); }  // labelled without seeing predictions
  uint64_t UnusableOf(const std::string& state) const { return OfBoth("state/" + state); }
  // By label. Regions to ignore are no boxes of a class.
  uint64_t BoxesOf(uint32_t label) const { return OfBoth("boxes/" + std::to_string(label)); }
  uint64_t ImagesShowing(uint32_t label) const { return OfBoth("showing/" + std::to_string(label)); }
  // Labelled images that are still to be looked at for a class.
  uint64_t ToLookAtFor(uint32_t label) const { return OfBoth("to_look_at/" + std::to_string(label)); }
  // [classes] boxes in the pool's truth, in order of label.
  std::vector<int64_t> PoolBoxes(size_t class_count) const;
  // Images of the pool that are still to be looked at for a class, by label; only of classes that have some.
  std::map<uint32_t, uint64_t> PoolToLookAt() const;
  // With regions to ignore.
  uint64_t BoxesOfOrigin(const std::string& origin) const { return OfBoth("origin/" + origin); }
  // Predicted boxes that people rejected or dropped, also in answers that were corrected since.
  uint64_t BoxesOfOutcome(const std::string& outcome) const { return OfBoth("outcome/" + outcome); }

 private:
  uint64_t Of(v1::Side side, const std::string& what) const;
  uint64_t OfBoth(const std::string& what) const { return Of(v1::POOL, what) + Of(v1::HOLDOUT, what); }

  std::map<std::pair<v1::Side, std::string>, uint64_t> counts_;
};

}  // namespace loupe
