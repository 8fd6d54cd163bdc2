// The images that a job trains on, as the coordinator sends them.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/jobs/job_context.h"
#include "worker/training/training_set.h"

namespace loupe {

// Whose labels are searched for errors.
struct HeldOutImage {
  int64_t id = 0;
  std::vector<int64_t> box_ids;  // of the boxes of the image's target, in their order
  TrainingImage image;
};

struct Snapshot {
  TrainingSet set;
  std::vector<int64_t> image_ids;  // of set.images
  std::vector<HeldOutImage> held_out;

  std::vector<TrainingImage> HeldOutImages() const;
};

// Errors: those of the RPC.
absl::StatusOr<Snapshot> ReadSnapshot(const JobContext& context);

// Decodes every picture of the snapshot, and sets those aside that can't be used. Returns how many. It takes
// as long as decoding takes an epoch, so it is done only when a picture failed. Errors: those of the RPC, of
// LeaseKeeper::MayGoOn, and of a picture that may be read later.
absl::StatusOr<int> SetBadPicturesAside(const JobContext& context, const Snapshot& snapshot);

}  // namespace loupe
