// "did you mean": the command or option that a mistyped one is nearest to.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace loupe {

// For the first word of the command line that is no command where one is expected, or no option: the name
// that is one or two typing errors away. Empty: there is none. arguments: without the program's name.
std::string NearestName(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace loupe
