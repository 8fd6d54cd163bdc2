#include "db/planted/gold_images.h"

#include "db/transaction.h"

namespace loupe {

std::vector<ImageOutcome> MarkGold(Transaction& transaction, ProjectId project,
                                   const std::vector<ImageId>& images, PrincipalId by) {
  return OutcomesOf(transaction.Exec("MarkGold", project, images, by));
}

std::vector<ImageOutcome> UnmarkGold(Transaction& transaction, ProjectId project,
                                     const std::vector<ImageId>& images) {
  return OutcomesOf(transaction.Exec("UnmarkGold", project, images));
}

}  // namespace loupe
