// Keeps what SearchImages is answered from close to what is known of the images.
#pragma once

#include <thread>

#include "content/steady_clock.h"
#include "db/database.h"

namespace loupe {

class ImageIndexer {
 public:
  // Starts a thread that works every few seconds, beginning now. `database` must outlive it. Several
  // coordinators may each run one: each passes when another is at it.
  explicit ImageIndexer(Database& database);
  ~ImageIndexer();
  ImageIndexer(const ImageIndexer&) = delete;
  ImageIndexer& operator=(const ImageIndexer&) = delete;

 private:
  void Loop();
  bool IndexOnce();

  Database& database_;
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
