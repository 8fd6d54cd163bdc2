// What the calling process may use, for as long as it runs.
#pragma once

#include "absl/status/status.h"

namespace loupe {

// The process is killed when the thread that started it ends, as it does at the latest with its process. It
// gets 3 GiB of addresses beside those that it has, writes no core file, and is nicer to others than they are
// to it. A picture of 100 megapixels and 16 bits takes half of that.
// Errors: INTERNAL; CANCELLED (whoever started it has ended already).
absl::Status LimitThisProcess();

}  // namespace loupe
