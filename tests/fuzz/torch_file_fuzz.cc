// Any bytes as a `.pth` file.

#include "tests/fuzz/torch_round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using loupe::fuzz::ScratchFolder;
  loupe::fuzz::TorchRoundTrip(ScratchFolder::Write("input", loupe::fuzz::AsText(data, size)));
  return 0;
}
