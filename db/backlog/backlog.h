// What waits and what is under way, over all projects: figures for those who run the service.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace loupe {

class Transaction;

struct Backlog {
  using Counts = std::map<std::string, uint64_t>;
  Counts leases;                       // that have not ended, by purpose: label, job
  Counts rounds;                       // of all times, by state
  std::map<std::string, Counts> jobs;  // of rounds that have not ended, by kind, then: waiting, leased, done
  // In seconds; 0: there is none.
  double oldest_job_s = 0;  // of those that no worker has
  // Of projects that were not deleted. Images that the active rankings have left, those included that
  // somebody holds; estimated from 1,000 entries where the rankings have more left, from at least 50 of
  // each.
  double ranked_images = 0;
  double oldest_ranking_s = 0;  // since it became active, of those with such images
  // Open requests to look for a class that was added; of each project up to 10,000.
  double requested_images = 0;
  double oldest_request_s = 0;
};

// Reads a few thousand rows by their keys, and counts rounds and the jobs of those under way, however many
// images there are. Errors: none of its own. Locks: none.
Backlog ReadBacklog(Transaction& transaction);

}  // namespace loupe
