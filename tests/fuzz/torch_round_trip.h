#pragma once

#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tensors.h"
#include "worker/weights/torch_file.h"

namespace loupe::fuzz {

// The file is refused with a status, or read, and then what is written of it reads the same.
inline void TorchRoundTrip(const std::string& path) {
  const auto tensors = ReadTorchFile(path);
  if (!tensors.ok()) {
    Require(tensors.status().code() == absl::StatusCode::kInvalidArgument, "bad bytes are bad input");
    return;
  }
  const std::string copy = ScratchFolder::Path("written");
  Require(WriteTorchFile(copy, *tensors).ok(), "what was read can be written");
  const auto again = ReadTorchFile(copy);
  Require(again.ok(), "what was written can be read");
  Require(SameBytes(*again, *tensors), "the tensors are the same");
}

}  // namespace loupe::fuzz
