#include "db/rows/image_outcome.h"

#include "db/sql_value.h"

namespace loupe {

std::vector<ImageOutcome> OutcomesOf(const pqxx::result& rows) {
  std::vector<ImageOutcome> outcomes;
  for (const auto& row : rows) outcomes.push_back({IdOf<ImageId>(row[0]), row[1].as<std::string>()});
  return outcomes;
}

}  // namespace loupe
