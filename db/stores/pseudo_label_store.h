// Pseudo-labels: boxes of a model that a round is trained on besides the truth.
#pragma once

#include <vector>

#include "db/ids.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

class Transaction;

// Adds the boxes of one image to a snapshot, unless a person has labelled the image by now. Returns whether
// they were added. Uses the prediction's corners and labels; label 0 is a region to ignore. Requires: an
// image of the pool that the snapshot has no pseudo-label of.
bool InsertPseudoLabel(Transaction& transaction, SnapshotId snapshot, const v1::ImagePrediction& boxes);

// Stores a summary, which the round shows.
void DescribePseudoLabels(Transaction& transaction, SnapshotId snapshot, const v1::PseudoLabels& about);

// The snapshot's images with pseudo-labels: ids above `after`, in order, at most `limit`.
std::vector<v1::SnapshotItem> ReadPseudoLabels(Transaction& transaction, SnapshotId snapshot, ImageId after,
                                               int limit);

}  // namespace loupe
