// Compressed answers.
#pragma once

#include <string>
#include <string_view>

namespace loupe {

// In the format gzip, fast rather than small.
std::string Gzip(std::string_view bytes);

}  // namespace loupe
