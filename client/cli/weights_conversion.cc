#include "client/cli/weights_conversion.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "content/safetensors_header.h"
#include "recipe/detector_metadata.h"

extern char** environ;

namespace loupe {
namespace {

constexpr char kProgram[] = "loupe-worker";

std::vector<std::string> ArgumentsOf(const WeightsConversion& conversion) {
  std::vector<std::string> arguments = {
      kProgram, "convert", "--from", conversion.from.string(), "--to", conversion.to.string()};
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) arguments.insert(arguments.end(), {option, value});
  };
  if (conversion.config.has_value())
    add("--config", conversion.config->string());
  else
    add("--preset", conversion.preset);
  add("--class-names", absl::StrJoin(conversion.class_names, ","));
  return arguments;
}

// The program in this one's folder; its name alone, for PATH, where it isn't there.
std::string ProgramPath() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside = self.parent_path() / kProgram;
  return !error && std::filesystem::exists(beside, error) ? beside.string() : kProgram;
}

// As a shell reads it.
std::string Quoted(const std::string& argument) {
  return absl::StrCat("'", absl::StrReplaceAll(argument, {{"'", "'\\''"}}), "'");
}

// The command for a machine that has the program, which writes beside the file.
std::string CommandElsewhere(WeightsConversion conversion) {
  conversion.to = conversion.from;
  conversion.to.replace_extension(".safetensors");
  if (conversion.to == conversion.from) conversion.to = "converted.safetensors";
  std::vector<std::string> arguments = ArgumentsOf(conversion);
  for (size_t i = 3; i < arguments.size(); i += 2) arguments[i] = Quoted(arguments[i]);  // the values
  return absl::StrJoin(arguments, " ");
}

// What the program wrote to its standard error, without its own name before it.
std::string ReadAll(int descriptor) {
  std::string text;
  std::array<char, 4096> part = {};
  for (ssize_t count = 0; (count = read(descriptor, part.data(), part.size())) != 0;) {
    if (count < 0 && errno != EINTR) break;
    if (count > 0) text.append(part.data(), static_cast<size_t>(count));
  }
  absl::string_view said = absl::StripAsciiWhitespace(text);
  absl::ConsumePrefix(&said, absl::StrCat(kProgram, ": "));
  return std::string(said);
}

}  // namespace

absl::Status ConvertWeights(const WeightsConversion& conversion) {
  std::vector<std::string> arguments = ArgumentsOf(conversion);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);

  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return absl::InternalError("no pipe can be made");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t process = 0;
  const int failed =
      posix_spawnp(&process, ProgramPath().c_str(), &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  const absl::Cleanup close_pipe = [&] { close(ends[0]); };
  if (failed != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        conversion.from.string(), " is read by loupe-worker, which isn't here: where it is, run ",
        CommandElsewhere(conversion), ", and import the file that it writes"));
  }
  const std::string said = ReadAll(ends[0]);
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  if (WIFSIGNALED(status)) {
    return absl::InvalidArgumentError(absl::StrCat(conversion.from.string(),
                                                   ": loupe-worker was ended by signal ", WTERMSIG(status),
                                                   " while it read it; see whether there is enough memory"));
  }
  return absl::InvalidArgumentError(said.empty() ? "loupe-worker ended without a word" : said);
}

std::optional<std::string> PresetOfFile(const std::filesystem::path& weights) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(weights, error);
  std::ifstream stream(weights, std::ios::binary);
  if (error || !stream) return std::nullopt;
  const absl::StatusOr<SafetensorsHeader> header = ReadSafetensorsHeader(stream, size);
  if (!header.ok()) return std::nullopt;
  const auto preset = header->metadata.find(kPresetKey);
  return preset == header->metadata.end() ? "" : preset->second;
}

}  // namespace loupe
