#include "server/provenance/checkpoint.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

constexpr size_t kLongestLine = 1000;
constexpr char kHeader[] = "loupe-checkpoint 2 ";
constexpr char kSince[] = " since the checkpoint was made";

absl::Status NoCheckpoint(absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "NO_CHECKPOINT",
               absl::StrCat("this is no whole checkpoint: ", why,
                            "; give a file as `loupe provenance checkpoint` wrote it"));
}

absl::Status Forged(absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "FORGED_CHECKPOINT",
               absl::StrCat("the checkpoint is forged, or of another coordinator: ", why));
}

// Of what was served with the first `count` tasks.
Sha256 HashOfTasks(const std::vector<Sha256>& tasks, size_t count) {
  Sha256Stream hash;
  for (size_t i = 0; i < count; ++i) hash.Update(ToBytes(tasks[i]));
  return hash.Finish();
}

absl::string_view StateOf(const ImageHistory& history) { return history.removed ? "removed" : "kept"; }

// Kind of a record, and what is unique among its kind.
absl::string_view NameOf(absl::string_view line) {
  const size_t kind = line.find(' ');
  if (kind == absl::string_view::npos) return line;
  return line.substr(0, line.find(' ', kind + 1));
}

absl::string_view RestOf(absl::string_view line) {
  return absl::StripPrefix(absl::StripPrefix(line, NameOf(line)), " ");
}

std::string Text(absl::string_view hex) { return absl::HexStringToBytes(hex); }

std::string ChangedRecord(absl::string_view then, absl::string_view now) {
  const std::string name(NameOf(then));
  if (now.empty()) return absl::StrCat(name, " is missing");
  if (absl::StartsWith(then, "author ")) {
    return absl::StrCat(name, ": the name was changed from \"", Text(RestOf(then)), "\" to \"",
                        Text(RestOf(now)), "\"");
  }
  if (absl::StartsWith(then, "snapshot ")) return absl::StrCat(name, ": what it holds was changed", kSince);
  if (absl::StartsWith(then, "model ")) {
    return absl::StrCat(name, ": its round, its parent or its weights were changed", kSince);
  }
  const std::vector<std::string> trigger = absl::StrSplit(name.substr(name.find(' ') + 1), '.');
  return absl::StrCat("table ", trigger.front(), ": the trigger ", trigger.back(),
                      ", which refuses changes, was disabled or made anew", kSince,
                      " (an upgrade and a restored backup make it anew, too)");
}

}  // namespace

std::string FirstLineOf(ProjectId project) { return absl::StrCat(kHeader, project.value()); }

std::vector<std::string> LinesOf(const ImageHistory& history) {
  std::vector<std::string> lines = {absl::StrCat(
      "image ", history.image.value(), " ", history.side, " ", StateOf(history), " ", ToHex(history.sha256),
      " ", history.revisions.size(), " ", history.revisions.empty() ? "-" : ToHex(history.revisions.back()),
      " ", history.tasks.size(), " ", ToHex(HashOfTasks(history.tasks, history.tasks.size())))};
  for (const auto& [task, how] : history.ended_tasks)
    lines.push_back(absl::StrCat("ended ", task, " ", ToHex(how)));
  return lines;
}

std::string SignedText(const CheckpointStatement& statement, const CheckpointKey& key) {
  const std::string text =
      absl::StrCat("root ", ToHex(statement.root), "\nlines ", statement.lines, "\nmade ",
                   absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", statement.made_at, absl::UTCTimeZone()), "\nkey ",
                   absl::BytesToHexString(key.PublicKey()), "\n");
  return absl::StrCat(text, "signature ", absl::BytesToHexString(key.Sign(text)), "\n");
}

absl::StatusOr<CheckpointStatement> ReadStatement(std::string_view checkpoint_end, const CheckpointKey& key) {
  const absl::string_view text(checkpoint_end.data(), checkpoint_end.size());
  const size_t signature = text.find("signature ");
  if (signature == absl::string_view::npos) return NoCheckpoint("it doesn't end with a signature");
  const absl::string_view hex = absl::StripSuffix(text.substr(signature + 10), "\n");
  const absl::string_view said = text.substr(0, signature);
  if (hex.size() != 128 || hex.find_first_not_of("0123456789abcdef") != absl::string_view::npos) {
    return NoCheckpoint("its signature is not 128 hexadecimal digits");
  }
  if (!key.Verify(std::string(said), absl::HexStringToBytes(hex))) {
    return Forged("its signature is not that of this coordinator's key");
  }
  // What is signed was written by SignedText().
  CheckpointStatement statement;
  for (const absl::string_view line : absl::StrSplit(said, '\n', absl::SkipEmpty())) {
    const absl::string_view rest = line.substr(std::min(line.find(' '), line.size() - 1) + 1);
    if (absl::StartsWith(line, "root ")) statement.root = ParseHex(std::string(rest)).value_or(Sha256{});
    if (absl::StartsWith(line, "lines ")) absl::SimpleAtoi(rest, &statement.lines);
    if (absl::StartsWith(line, "made "))
      absl::ParseTime(absl::RFC3339_full, rest, &statement.made_at, nullptr);
  }
  return statement;
}

void CheckpointComparison::Advance() {
  std::string line;
  for (;;) {
    const size_t end = piece_.find('\n', place_);
    line.append(piece_, place_, end == std::string::npos ? end : end - place_);
    // Longer than any line of ours: it isn't signed, and ends as forged.
    if (line.size() > kLongestLine) line.resize(kLongestLine);
    if (end != std::string::npos) {
      place_ = end + 1;
      break;
    }
    std::optional<std::string> next = more_();
    place_ = 0;
    piece_ = next.has_value() ? *std::move(next) : "";
    if (next.has_value()) continue;
    if (line.empty()) {
      line_ = std::nullopt;
      return;
    }
    break;
  }
  root_.Add(line);
  line_ = std::move(line);
}

absl::Status CheckpointComparison::Begin(ProjectId project) {
  Advance();
  if (!line_.has_value() || !absl::StartsWith(*line_, kHeader)) {
    return NoCheckpoint(absl::StrCat("it doesn't begin with `", absl::StripSuffix(kHeader, " "), "`"));
  }
  if (*line_ != FirstLineOf(project)) {
    return Error(absl::StatusCode::kInvalidArgument, "OTHER_PROJECT",
                 "the checkpoint is of another project: name that one with --project");
  }
  Advance();
  return absl::OkStatus();
}

void CheckpointComparison::CompareRecords(const ProjectRecords& records, std::vector<std::string>& breaks) {
  absl::flat_hash_map<absl::string_view, absl::string_view> now;
  for (const std::string& line : records.lines) now[NameOf(line)] = line;
  for (; line_.has_value() && !absl::StartsWith(*line_, "image "); Advance()) {
    const auto found = now.find(NameOf(*line_));
    const absl::string_view line = found == now.end() ? "" : found->second;
    if (line != *line_) breaks.push_back(ChangedRecord(*line_, line));
  }
}

void CheckpointComparison::CompareImages(const std::vector<ImageHistory>& histories,
                                         std::vector<std::string>& breaks) {
  for (const ImageHistory& history : histories) CompareImage(history, breaks);
}

void CheckpointComparison::CompareImage(const ImageHistory& history, std::vector<std::string>& breaks) {
  for (; line_.has_value(); Advance()) {
    const std::vector<absl::string_view> words = absl::StrSplit(*line_, ' ');
    int64_t id = 0;
    uint64_t revisions = 0, tasks = 0;
    if (words.size() != 9 || words[0] != "image" || !absl::SimpleAtoi(words[1], &id) ||
        !absl::SimpleAtoi(words[5], &revisions) || !absl::SimpleAtoi(words[7], &tasks)) {
      // Of a task of an image that is missing; or no line of ours, and the root won't be that which was
      // signed.
      continue;
    }
    if (id > history.image.value()) break;
    if (id < history.image.value()) {
      breaks.push_back(absl::StrCat("image ", id, " is missing"));
      continue;
    }
    const std::string where = absl::StrCat("image ", id);
    if (words[2] != history.side) {
      breaks.push_back(
          absl::StrCat(where, ": it was moved from the ", words[2], " to the ", history.side, kSince));
    }
    if (words[3] == "removed" && !history.removed)
      breaks.push_back(absl::StrCat(where, ": it was removed, and is there again"));
    if (words[4] != ToHex(history.sha256))
      breaks.push_back(absl::StrCat(where, ": its picture was changed", kSince));
    if (history.revisions.size() < revisions) {
      breaks.push_back(absl::StrCat(where, ": its history was cut off: it has ", history.revisions.size(),
                                    " revisions, and had ", revisions));
    } else if (revisions > 0 && words[6] != ToHex(history.revisions[revisions - 1])) {
      breaks.push_back(absl::StrCat(where, " revision ", revisions,
                                    ": it or one before it was rewritten, with new hashes", kSince));
    }
    if (history.tasks.size() < tasks) {
      breaks.push_back(
          absl::StrCat(where, ": tasks are missing: it has ", history.tasks.size(), ", and had ", tasks));
    } else if (words[8] != ToHex(HashOfTasks(history.tasks, tasks))) {
      breaks.push_back(
          absl::StrCat(where, ": why a task was served, or what it showed, was changed", kSince));
    }
    revisions_since_ += history.revisions.size() - std::min<uint64_t>(revisions, history.revisions.size());
    Advance();
    CompareEndedTasks(history, breaks);
    return;
  }
  revisions_since_ += history.revisions.size();
}

void CheckpointComparison::CompareEndedTasks(const ImageHistory& history, std::vector<std::string>& breaks) {
  for (; line_.has_value() && absl::StartsWith(*line_, "ended "); Advance()) {
    const std::vector<absl::string_view> words = absl::StrSplit(*line_, ' ');
    int64_t task = 0;
    if (words.size() != 3 || !absl::SimpleAtoi(words[1], &task)) continue;  // no line of ours
    const auto found = history.ended_tasks.find(task);
    if (found != history.ended_tasks.end() && words[2] == ToHex(found->second)) continue;
    breaks.push_back(
        absl::StrCat("image ", history.image.value(), ": how its task ", task, " ended was changed", kSince));
  }
}

absl::Status CheckpointComparison::End(const CheckpointStatement& statement,
                                       std::vector<std::string>& breaks) {
  for (; line_.has_value(); Advance()) {
    if (absl::StartsWith(*line_, "image ")) breaks.push_back(absl::StrCat(NameOf(*line_), " is missing"));
  }
  if (root_.leaves() == statement.lines && root_.Root() == statement.root) return absl::OkStatus();
  return Forged("its lines are not those that were signed");
}

}  // namespace loupe
