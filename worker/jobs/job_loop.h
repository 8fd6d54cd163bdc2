// `loupe-worker run`: leases jobs from a coordinator and runs them, one at a time, until told to stop.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace loupe {

struct WorkerOptions {
  std::string server;  // host:port
  std::filesystem::path token_file;
  std::filesystem::path ca_cert;    // empty: no TLS
  std::filesystem::path cache_dir;  // empty: `loupe` in the user's cache folder
  std::string device = "auto";      // as ResolveDevice reads it
  int processes = 1;                // more than one: as many workers with one thread each
};

// Waits for a coordinator that can't be reached. Returns OK after SIGTERM or SIGINT, when the job is
// released. Errors: those of ResolveDevice, Connect and ReadTokenFile; UNAUTHENTICATED or PERMISSION_DENIED
// when the coordinator refuses the token.
absl::Status RunWorker(const WorkerOptions& options);

}  // namespace loupe
