// Tasks with a planted error among those that an annotator gets.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "db/ids.h"
#include "db/planted/planted_tasks.h"

namespace loupe {

class Transaction;

// Decides for each place in the queue whether a planted task comes there, and makes it.
class Planter {
 public:
  // Reads what the project says.
  Planter(Transaction& transaction, ProjectId project, PrincipalId principal);

  // Whether the next place is to have one, at random.
  bool WantsOne();

  // nullopt: there is no image for it now.
  std::optional<TaskId> Plant(Transaction& transaction);

 private:
  double Uniform();  // in [0, 1)

  const ProjectId project_;
  const PrincipalId principal_;
  std::optional<Planting> planting_;
  std::vector<TaskId> patterns_;  // tasks to imitate
};

}  // namespace loupe
