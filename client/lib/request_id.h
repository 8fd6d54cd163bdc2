// Request ids: what makes a repeated request harmless.
#pragma once

#include <string>

namespace loupe {

// A random UUID (RFC 9562, version 4) in its text form of 36 characters. Make one for each request that
// changes something, and send the same one with every repetition of that request.
std::string NewRequestId();

}  // namespace loupe
