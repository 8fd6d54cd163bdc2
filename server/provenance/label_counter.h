// Keeps the sums over labels, from which GetLabelStats is answered, close to what was written.
#pragma once

#include <thread>

#include "content/steady_clock.h"
#include "db/database.h"

namespace loupe {

class LabelCounter {
 public:
  // Starts a thread that works every few seconds, beginning now. `database` must outlive it. Several
  // coordinators may each run one: each passes when another is at it.
  explicit LabelCounter(Database& database);
  ~LabelCounter();
  LabelCounter(const LabelCounter&) = delete;
  LabelCounter& operator=(const LabelCounter&) = delete;

 private:
  void Loop();
  bool CountOnce();

  Database& database_;
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
