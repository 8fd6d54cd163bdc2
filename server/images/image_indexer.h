// Keeps what SearchImages is answered from close to what is known of the images.
#pragma once

#include "db/database.h"
#include "server/rpc/repeated_step.h"

namespace loupe {

class ImageIndexer {
 public:
  // Starts a thread that works every few seconds, beginning now. `database` must outlive it. Several
  // coordinators may each run one: each passes when another is at it.
  explicit ImageIndexer(Database& database);

 private:
  RepeatedStep steps_;
};

}  // namespace loupe
