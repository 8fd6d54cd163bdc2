// What became of an image in a call that takes many.
#pragma once

#include <string>
#include <vector>

#include <pqxx/result>

#include "db/ids.h"

namespace loupe {

struct ImageOutcome {
  ImageId image;
  std::string problem;  // why it was left as it was: a reason in capitals; empty: it wasn't
};

// Of rows with an id and a problem.
std::vector<ImageOutcome> OutcomesOf(const pqxx::result& rows);

}  // namespace loupe
