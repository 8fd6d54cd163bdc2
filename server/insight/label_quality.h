// How far people agree who labelled the same images.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/opinions/opinion_pairs.h"
#include "loupe/v1/insight.pb.h"

namespace loupe {

struct AgreementInput {
  uint64_t waiting = 0;
  std::vector<v1::Class> classes;
  std::vector<OpinionPair> pairs;
};

// Errors: NOT_FOUND (NO_SUCH_PROJECT).
absl::StatusOr<AgreementInput> ReadAgreementInput(Transaction& transaction, const std::string& project);

v1::AgreementReport MakeAgreementReport(const AgreementInput& input);

}  // namespace loupe
