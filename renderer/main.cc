// loupe-renderer: makes thumbnails and PNGs of picture files. The coordinator starts it as a child, so that a
// hostile picture can crash, stall or eat the memory of the child alone.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <opencv2/core/utility.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "renderer/limits.h"
#include "renderer/line_reader.h"
#include "renderer/render.h"
#include "renderer/request.h"
#include "version/version.h"

namespace loupe {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

constexpr char kAbout[] =
    "Makes thumbnails and PNGs of picture files. loupe-server starts it and ends it.\n"
    "Each line of standard input is a request, with tabs between the fields:\n"
    "IN_PATH  OUT_PATH  MAX_SIDE  LOW  HIGH\n"
    "With a MAX_SIDE (pixels) OUT_PATH becomes a JPEG, with 0 a PNG in full size. LOW and HIGH are the "
    "levels\n"
    "of 16-bit pictures that are black and white. Each request is answered with a line: ok; error MESSAGE,\n"
    "of a picture that can't be rendered; or failed MESSAGE.\n"
    "It ends with its input, after a minute without a request, and with the program that started it.";

// Of one line, without its end.
std::string Answer(const std::string& line) {
  const absl::StatusOr<RenderRequest> request = ParseRenderRequest(line);
  const absl::Status status = request.ok() ? Render(*request) : request.status();
  if (status.ok()) return "ok";
  const bool is_picture = absl::IsInvalidArgument(status) && request.ok();
  std::string answer = absl::StrCat(is_picture ? "error " : "failed ", status.message());
  for (char& letter : answer) {
    const bool is_printable = letter >= ' ' && letter <= '~';
    if (!is_printable) letter = '?';
  }
  return answer;
}

// Returns whether all of it was written.
bool Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = TEMP_FAILURE_RETRY(write(STDOUT_FILENO, bytes.data(), bytes.size()));
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

int Main(int argc, char** argv) {
  CLI::App app(kAbout, "loupe-renderer");
  app.set_version_flag("--version", VersionLine("loupe-renderer"));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  if (const absl::Status limited = LimitThisProcess(); !limited.ok()) {
    std::fprintf(stderr, "loupe-renderer: %s\n", std::string(limited.message()).c_str());
    return kFailed;
  }
  cv::setNumThreads(1);
  LineReader requests(STDIN_FILENO, kPatience);
  while (const std::optional<std::string> line = requests.Next()) {
    if (!Write(absl::StrCat(Answer(*line), "\n"))) return kFailed;
  }
  return 0;
}

}  // namespace
}  // namespace loupe

int main(int argc, char** argv) { return loupe::Main(argc, argv); }
