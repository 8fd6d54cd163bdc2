// Images on which two people disagree, and nobody has decided yet.
#pragma once

#include <vector>

#include "db/opinions/opinion_pairs.h"
#include "loupe/v1/insight.pb.h"

namespace loupe {

// The open ones of the pairs on which the two differ, in the order of ListDisagreements; their `image` has
// the id alone.
std::vector<v1::Disagreement> FindDisagreements(const std::vector<OpinionPair>& pairs);

}  // namespace loupe
