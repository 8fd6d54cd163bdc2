#include "server/gateway/file_answer.h"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/gateway/http_errors.h"

namespace loupe {

AskedRange ParseRange(std::string_view header, uint64_t size_bytes) {
  AskedRange all{false, true, 0, size_bytes};
  absl::string_view rest(header.data(), header.size());
  if (!absl::ConsumePrefix(&rest, "bytes=")) return all;
  const std::vector<absl::string_view> ends = absl::StrSplit(rest, '-');
  uint64_t first = 0;
  uint64_t last = 0;
  const auto number = [](absl::string_view text, uint64_t& value) {
    return text.find_first_not_of("0123456789") == absl::string_view::npos && absl::SimpleAtoi(text, &value);
  };
  if (ends.size() != 2 || (ends[0].empty() && ends[1].empty())) return all;
  if (!ends[0].empty() && !number(ends[0], first)) return all;
  if (!ends[1].empty() && !number(ends[1], last)) return all;
  if (ends[0].empty()) {  // the last bytes
    if (last == 0) return {true, false, 0, 0};
    const uint64_t count = std::min(last, size_bytes);
    return {true, size_bytes > 0, size_bytes - count, count};
  }
  if (!ends[1].empty() && last < first) return all;
  if (first >= size_bytes) return {true, false, 0, 0};
  const uint64_t end = ends[1].empty() ? size_bytes : std::min(last, size_bytes - 1) + 1;
  return {true, true, first, end - first};
}

bool HoldsTag(std::string_view header, const std::string& tag) {
  for (absl::string_view one : absl::StrSplit(absl::string_view(header.data(), header.size()), ',')) {
    one = absl::StripAsciiWhitespace(one);
    absl::ConsumePrefix(&one, "W/");
    if (one == tag || one == "*") return true;
  }
  return false;
}

HttpAnswer FileAnswer(const HttpRequest& request, FileHandle file, const std::string& tag,
                      HttpHeaders headers) {
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return ErrorAnswer(absl::InternalError("the file can't be read"));
  const auto size_bytes = static_cast<uint64_t>(status.st_size);
  const std::string quoted = absl::StrCat("\"", tag, "\"");
  HttpAnswer answer;
  answer.headers = std::move(headers);
  answer.headers.emplace_back("Accept-Ranges", "bytes");
  answer.headers.emplace_back("ETag", quoted);
  if (HoldsTag(request.Header("if-none-match"), quoted)) {
    answer.status = 304;
    return answer;
  }
  const std::string_view condition = request.Header("if-range");
  const bool may_be_partial = condition.empty() || condition == quoted;
  const bool asks_for_part = request.method == "GET" && may_be_partial;
  const AskedRange range = ParseRange(asks_for_part ? request.Header("range") : "", size_bytes);
  if (!range.is_satisfiable) {
    answer.status = 416;
    answer.headers.emplace_back("Content-Range", absl::StrCat("bytes */", size_bytes));
    return answer;
  }
  if (range.is_partial) {
    answer.status = 206;
    answer.headers.emplace_back(
        "Content-Range",
        absl::StrCat("bytes ", range.begin, "-", range.begin + range.size_bytes - 1, "/", size_bytes));
  }
  answer.file = std::make_shared<FileSlice>(FileSlice{std::move(file), range.begin, range.size_bytes});
  return answer;
}

}  // namespace loupe
