#include "db/backlog/backlog.h"

#include "db/transaction.h"

namespace loupe {

Backlog ReadBacklog(Transaction& transaction) {
  Backlog backlog;
  for (const auto& row : transaction.Exec("CountLeases")) {
    backlog.leases[row[0].as<std::string>()] = row[1].as<uint64_t>();
  }
  for (const auto& row : transaction.Exec("CountRounds")) {
    backlog.rounds[row[0].as<std::string>()] = row[1].as<uint64_t>();
  }
  for (const auto& row : transaction.Exec("CountJobsUnderWay")) {
    backlog.jobs[row[0].as<std::string>()][row[1].as<std::string>()] = row[2].as<uint64_t>();
  }
  for (const auto& row : transaction.Exec("SelectOldestFreeJob")) backlog.oldest_job_s = row[0].as<double>();
  const auto ranked = transaction.Exec("MeasureRankings").at(0);
  backlog.ranked_images = ranked["images"].as<double>();
  backlog.oldest_ranking_s = ranked["oldest_s"].as<double>();
  const auto requested = transaction.Exec("MeasureRequests").at(0);
  backlog.requested_images = requested["images"].as<double>();
  backlog.oldest_request_s = requested["oldest_s"].as<double>();
  return backlog;
}

}  // namespace loupe
