// Accepts connections for gRPC. The listener of gRPC 1.51 never accepts again once descriptors have run out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "content/file_handle.h"

namespace loupe {

// Raises the process's limit of descriptors as far as it may, and returns it.
int RaiseDescriptorLimit();

class Listener {
 public:
  // Takes over a connected socket that doesn't block. `listener`: the one that accepted it.
  using Take = std::function<void(int listener, int connection)>;

  // Listens on all addresses of HOST:PORT; port 0: any that is free. Connections wait until Start. Errors:
  // FAILED_PRECONDITION (no such host, or the port is taken).
  static absl::StatusOr<std::unique_ptr<Listener>> Listen(const std::string& address);

  // Stops, and closes the ports.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // HOST:PORT, with the port that was free.
  const std::string& address() const { return address_; }

  // Accepts from now on. A connection whose descriptor is not below `limit` is closed at once: the system
  // gives the lowest that is free, so that many are in use.
  void Start(Take take, int limit);

  // Accepts nothing more. May be called twice.
  void Stop();

 private:
  Listener() = default;
  void Loop(const Take& take, int limit);

  std::string address_;
  std::vector<FileHandle> ports_;
  FileHandle stop_;  // readable once it is to stop
  std::thread thread_;
};

}  // namespace loupe
