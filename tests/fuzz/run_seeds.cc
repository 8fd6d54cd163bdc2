// Runs every target once over its kept seeds, without libFuzzer, so that nothing that was found comes back.

#include <sstream>

#include "tests/fuzz/fuzz.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " SEEDS\n";
    return 2;
  }
  for (const auto& [name, target] : loupe::fuzz::Targets()) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(argv[1]) / name)) {
      std::cout << name << ": " << entry.path().filename().string() << std::endl;
      std::ostringstream content;
      content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      target(content.str());
      ++count;
    }
    loupe::fuzz::Require(count > 0, name + " has seeds");
  }
  return 0;
}
