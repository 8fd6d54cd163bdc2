#include "client/cli/option_check.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace loupe {

std::function<std::string(const std::string&)> AtLeast(int least) {
  return [least](const std::string& text) {
    double number = 0;
    const bool fits = absl::SimpleAtod(text, &number) && number >= least;
    return fits ? std::string() : absl::StrCat("must be a number of at least ", least, ", not ", text);
  };
}

}  // namespace loupe
