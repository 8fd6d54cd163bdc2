// Request ids: a coordinator carries out a request once, however often it is repeated with the same id.
#pragma once

#include <string>

namespace loupe {

// A random UUID (RFC 9562, version 4) as text of 36 characters. Make one for each request that changes
// something, and send the same one whenever that request is repeated.
std::string NewRequestId();

}  // namespace loupe
