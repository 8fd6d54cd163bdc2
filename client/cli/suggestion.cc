#include "client/cli/suggestion.h"

#include <algorithm>
#include <numeric>

namespace loupe {
namespace {

constexpr size_t kMaxErrors = 2;

// Letters to insert, remove or change. Source: Levenshtein 1966.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

std::vector<std::string> CommandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

void AddOptionsOf(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
}

std::string Nearest(const std::string& word, const std::vector<std::string>& names) {
  std::string nearest;
  size_t fewest = std::min(kMaxErrors, word.size() / 2) + 1;
  for (const std::string& name : names) {
    const size_t errors = EditDistance(word, name);
    if (errors >= fewest) continue;
    fewest = errors;
    nearest = name;
  }
  return nearest;
}

}  // namespace

std::string NearestName(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  for (const std::string& word : arguments) {
    if (word.rfind("--", 0) == 0) {
      std::vector<std::string> names;
      AddOptionsOf(*command, names);
      if (command != &app) AddOptionsOf(app, names);
      const std::string name = word.substr(0, word.find('='));
      if (std::find(names.begin(), names.end(), name) == names.end()) return Nearest(name, names);
      continue;
    }
    const std::vector<std::string> names = CommandsOf(*command);
    if (names.empty()) continue;  // a value
    if (std::find(names.begin(), names.end(), word) == names.end()) return Nearest(word, names);
    command = command->get_subcommand(word);
  }
  return "";
}

}  // namespace loupe
