// Pseudo-labels: boxes of a model that a round is trained on besides the truth.
#pragma once

#include <vector>

#include "db/ids.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

class Transaction;

// Adds the boxes of one image to what a round is trained on, unless a person has labelled it by now; returns
// whether it did. Takes the prediction's corners and labels, label 0 for a region to ignore. Requires: an
// image of the pool, once a snapshot.
bool InsertPseudoLabel(Transaction& transaction, SnapshotId snapshot, const v1::ImagePrediction& boxes);

// Keeps what they are, for those who look at the round.
void DescribePseudoLabels(Transaction& transaction, SnapshotId snapshot, const v1::PseudoLabels& about);

// The images of a snapshot with ids above `after`, in order, at most `limit`.
std::vector<v1::SnapshotItem> ReadPseudoLabels(Transaction& transaction, SnapshotId snapshot, ImageId after,
                                               int limit);

}  // namespace loupe
