// What is read for each exposition, rather than counted.
#pragma once

#include "db/backlog/backlog.h"
#include "db/database.h"
#include "server/metrics/exposition.h"

namespace loupe {

// This process, by the names that Prometheus's client libraries share (process_…), and its threads. What
// /proc doesn't tell is left out.
void AddProcess(Exposition& exposition);

void AddPool(const PoolUsage& pool, Exposition& exposition);

void AddBacklog(const Backlog& backlog, Exposition& exposition);

}  // namespace loupe
