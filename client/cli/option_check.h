// A check of options that several commands have, for CLI::Option::check().
#pragma once

#include <functional>
#include <string>

namespace loupe {

// Refuses what is no number, or a smaller one. CLI::PositiveNumber and the like tell a bound of 300 digits.
std::function<std::string(const std::string&)> AtLeast(int least);

}  // namespace loupe
