// Any bytes as a `.pth` file.

#include "tests/fuzz/torch_round_trip.h"

FUZZ_TARGET(torch_file) { loupe::fuzz::TorchRoundTrip(loupe::fuzz::ScratchFolder::Write("input", bytes)); }
