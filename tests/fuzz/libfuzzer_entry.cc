// Gives libFuzzer's inputs to the one target of the program.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  loupe::fuzz::Targets().begin()->second({reinterpret_cast<const char*>(data), size});
  return 0;
}
