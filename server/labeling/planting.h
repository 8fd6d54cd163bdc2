// Tasks with a planted error among those that an annotator gets.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "content/steady_clock.h"
#include "db/ids.h"
#include "db/planted/planted_tasks.h"

namespace loupe {

class Transaction;

// Waits until a whole number of steps has passed, so that the time of an answer doesn't tell whether it was
// about a planted task.
void AwaitStep(const Stopwatch& since);

// Decides for each place in the queue whether a planted task comes there, and makes it.
class Planter {
 public:
  // Reads what the project says.
  Planter(Transaction& transaction, ProjectId project, PrincipalId principal);

  // Whether errors are planted in the project.
  bool IsOn() const { return planting_.has_value(); }

  // Whether the next place is to have one, at random.
  bool WantsOne();

  // Decides what the next planted task shows. Where errors are planted this is done at each call, since its
  // time would tell.
  void Prepare(Transaction& transaction);

  // nullopt: there is no image for it now.
  std::optional<TaskId> Plant(Transaction& transaction);

 private:
  double Uniform();  // in [0, 1)

  const ProjectId project_;
  const PrincipalId principal_;
  std::optional<Planting> planting_;
  std::optional<TaskToPlant> prepared_;
};

}  // namespace loupe
