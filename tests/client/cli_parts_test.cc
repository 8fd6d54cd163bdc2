// Smaller parts of the command line: printing, safe names, secrets, the log of corrections, processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/box_text.h"
#include "client/cli/correction_log.h"
#include "client/cli/daemon.h"
#include "client/cli/export_names.h"
#include "client/cli/message_json.h"
#include "client/cli/print.h"
#include "client/cli/secret_file.h"
#include "client/cli/suggestion.h"
#include "content/sha256.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class FolderTest : public testing::Test {
 protected:
  FolderTest() {
    std::string name = (fs::temp_directory_path() / "loupe-cli-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~FolderTest() override { fs::remove_all(dir_); }

  std::string TextOf(const fs::path& path) const {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  fs::path dir_;
};

TEST(Table, AlignsNumbersRightAndTextLeft) {
  Table table({"class", "boxes"});
  table.Add({"scratch", "7"});
  table.Add({"dent", "1200"});
  EXPECT_EQ(table.Text(), "class    boxes\nscratch      7\ndent      1200\n");
}

TEST(Table, ShowsControlCharactersAsQuestionMarks) {
  Table table({"name", "x"});
  table.Add({"a\x1b[2J", "b"});
  EXPECT_THAT(table.Text(), HasSubstr("a?[2J"));
}

TEST(Printable, NothingTurnsTheTextBehindItAround) {
  EXPECT_EQ(Printable("a\u202eb\u2066c\u2069\u200f\u061c"), "a?b?c???");
  EXPECT_EQ(Printable("Pr\u00fcf \u05d0\u2013\u2070"), "Pr\u00fcf \u05d0\u2013\u2070");
}

TEST(BoxText, ATextOfCsvIsNoFormulaAndANumberIsItself) {
  v1::Project project;
  project.add_classes()->set_name("+1, \"x\"");
  project.mutable_classes(0)->set_label(1);
  v1::FoundBox found;
  found.set_file_name("-1.png");
  found.mutable_box()->set_label(1);
  found.mutable_box()->mutable_box()->set_x1(-1);
  found.set_reviewer("a=b");
  found.set_client("=cmd|' /C calc'!A0");
  found.set_made_by("@ann");
  std::string line;
  AppendCsvLine(line, found, ClassNames(project));
  EXPECT_THAT(line, testing::StartsWith("0,'-1.png,\"'+1, \"\"x\"\"\",-1,0,0,0,false,"));
  EXPECT_THAT(line, HasSubstr(",a=b,"));
  EXPECT_THAT(line, HasSubstr(",'=cmd|' /C calc'!A0,"));
  EXPECT_THAT(line, HasSubstr(",'@ann,"));
  line.clear();
  AppendJsonLine(line, found, ClassNames(project));
  EXPECT_THAT(line, HasSubstr("\"client\": \"=cmd|"));
}

TEST(BoxJson, HasTheNumbersOfExports) {
  v1::Box box;
  box.set_x1(39.664883F);
  box.set_y2(7);
  EXPECT_EQ(BoxJson(box).dump(), "[39.664883,0,0,7]");
  v1::PredictedBox predicted;
  predicted.set_score(0.9F);
  predicted.add_side_certainty(0.1F);
  const Json json = PredictedBoxJson(predicted, ClassNames(v1::Project()));
  EXPECT_EQ(json["score"].dump(), "0.9");
  EXPECT_EQ(json["side_certainty"].dump(), "[0.1]");
  EXPECT_EQ(PredictedBoxJson(v1::PredictedBox(), ClassNames(v1::Project()))["side_certainty"].dump(), "null");
}

using ProgressTest = FolderTest;

TEST_F(ProgressTest, PrintsALineForEachTenthWhenItIsNoTerminal) {
  const fs::path path = dir_ / "out";
  std::FILE* stream = std::fopen(path.c_str(), "w");
  {
    Progress progress("pictures", 1000, stream, false);
    for (int i = 1; i <= 1000; ++i) progress.Update(i);
  }
  std::fclose(stream);
  const std::string text = TextOf(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 10);
  EXPECT_THAT(text, testing::StartsWith("pictures 100/1000\n"));
  EXPECT_THAT(text, testing::EndsWith("pictures 1000/1000\n"));
}

TEST_F(ProgressTest, WritesOverOneLineOnATerminal) {
  const fs::path path = dir_ / "out";
  std::FILE* stream = std::fopen(path.c_str(), "w");
  {
    Progress progress("pictures", 1000, stream, true);
    for (int i = 1; i <= 1000; ++i) progress.Update(i);
  }
  std::fclose(stream);
  const std::string text = TextOf(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr("\rpictures 1000/1000"));
}

// Images of these names with the ids 1, 2, ….
std::vector<std::string> NamesFor(const std::vector<std::string>& file_names) {
  std::vector<v1::Image> images;
  for (const std::string& name : file_names) {
    v1::Image& image = images.emplace_back();
    image.set_id(static_cast<int64_t>(images.size()));
    image.set_file_name(name);
    image.set_media_type("image/png");
  }
  return ExportNames(images);
}

TEST(Outcomes, AreSpelledAsInTheDatabaseAndFourOfThemLeaveABox) {
  const google::protobuf::EnumDescriptor& outcomes = *v1::Outcome_descriptor();
  std::map<std::string, bool> leaves_a_box;
  for (int i = 1; i < outcomes.value_count(); ++i) {
    const auto outcome = static_cast<v1::Outcome>(outcomes.value(i)->number());
    leaves_a_box[OutcomeName(outcome)] = BecameABox(outcome);
  }
  EXPECT_THAT(leaves_a_box, ElementsAre(Pair("accepted", true), Pair("accepted_at_once", true),
                                        Pair("adjusted", true), Pair("dropped", false), Pair("hidden", false),
                                        Pair("rejected", false), Pair("relabelled", true)));
}

TEST(ExportNames, NeverLeadOutOfTheFolder) {
  EXPECT_THAT(
      NamesFor({"a/b.png", "../b.png", "/etc/passwd", "a/../../b.png", "", "two..dots.png", "dir/", "a\\b"}),
      testing::ElementsAre("a/b.png", "image-2.png", "image-3.png", "image-4.png", "image-5.png",
                           "two..dots.png", "image-7.png", "image-8.png"));
}

TEST(ExportNames, NoTwoShareAFile) {
  // The same on a file system that doesn't tell case apart.
  EXPECT_THAT(NamesFor({"a/b.png", "A/B.png", "\xc3\x9c.png", "\xc3\xbc.png"}),
              testing::ElementsAre("a/b.png", "image-2.png", "\xc3\x9c.png", "image-4.png"));
  EXPECT_THAT(NamesFor({"a//b.png", "./a/b.png", "a/./c.png"}),
              testing::ElementsAre("a/b.png", "image-2.png", "a/c.png"));
  // The same on one that writes accents apart from their letters.
  EXPECT_THAT(NamesFor({"caf\xc3\xa9.png", "cafe\xcc\x81.png", "stra\xc3\x9f\x65.png", "STRASSE.png"}),
              testing::ElementsAre("caf\xc3\xa9.png", "image-2.png", "stra\xc3\x9f\x65.png", "image-4.png"));
  // A made-up name that is another image's own.
  EXPECT_THAT(NamesFor({"x.png", "x.png", "image-2.png", "image-2-2.png"}),
              testing::ElementsAre("x.png", "image-2-3.png", "image-2.png", "image-2-2.png"));
  // A file beside a folder of its name, whichever comes first.
  EXPECT_THAT(NamesFor({"part", "part/1.png", "Line/1.png", "line"}),
              testing::ElementsAre("part", "image-2.png", "Line/1.png", "image-4.png"));
  const std::string long_part(256, 'n');
  EXPECT_THAT(NamesFor({long_part, "d/" + long_part}), testing::ElementsAre("image-1.png", "image-2.png"));
}

TEST(ShellWord, IsOneWordForAShell) {
  EXPECT_EQ(ShellWord("/data/loupe-1"), "/data/loupe-1");
  EXPECT_EQ(ShellWord("my data"), "'my data'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord(""), "''");
}

TEST(NearestName, IsTheCommandOrOptionThatWasMeant) {
  CLI::App app("", "loupe");
  app.add_flag("--project");
  app.add_subcommand("next")->add_flag("--skipped");
  app.add_subcommand("round")->add_subcommand("show");
  EXPECT_EQ(NearestName(app, {"nexxt"}), "next");
  EXPECT_EQ(NearestName(app, {"round", "shwo"}), "show");
  EXPECT_EQ(NearestName(app, {"next", "--skiped"}), "--skipped");
  EXPECT_EQ(NearestName(app, {"next", "--projct=parts"}), "--project");
  EXPECT_EQ(NearestName(app, {"wildly-other"}), "");
  EXPECT_EQ(NearestName(app, {"next"}), "") << "nothing is mistyped";
}

using SecretFileTest = FolderTest;

TEST_F(SecretFileTest, IsReadableByItsOwnerAloneAndReplacesNothing) {
  const fs::path path = dir_ / "token";
  ASSERT_TRUE(WriteSecretFile(path, "loupe_x").ok());
  EXPECT_EQ(TextOf(path), "loupe_x\n");
  struct stat status;
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(WriteSecretFile(path, "loupe_y").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(TextOf(path), "loupe_x\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()), 1)
      << "no temporary file stays";
}

using CorrectionLogTest = FolderTest;

TEST_F(CorrectionLogTest, WritesALineForEachAcknowledgement) {
  v1::SubmitRequest request;
  request.set_task_id(4);
  for (const float x : {20.5f, 3.0f}) {
    v1::CorrectedBox* box = request.add_boxes();
    box->set_label(1);
    box->mutable_box()->set_x1(x);
    box->mutable_box()->set_x2(30);
    box->mutable_box()->set_y2(0.1f);
  }
  const std::string canonical = "1 20.5 0 30 0.100000001 0\n1 3 0 30 0.100000001 0\n";
  EXPECT_EQ(CanonicalBoxes(request.boxes()), canonical);

  v1::SubmitResponse response;
  response.set_revision_id(9);
  response.set_revision(2);
  const fs::path path = dir_ / "log";
  for (int i = 0; i < 2; ++i) {
    auto log = CorrectionLog::Open(path);
    ASSERT_TRUE(log.ok()) << log.status();
    ASSERT_TRUE(log->Append(7, request, response).ok());
  }
  const std::string line =
      "{\"image_id\": 7, \"task_id\": 4, \"revision_id\": 9, \"revision\": 2, \"boxes_sha256\": \"" +
      ToHex(HashOf(canonical)) + "\"}\n";
  EXPECT_EQ(TextOf(path), line + line);
}

using DaemonTest = FolderTest;

TEST_F(DaemonTest, StartsFindsAndStopsAProcess) {
  const Daemon daemon(dir_ / "sleep.pid", dir_ / "sleep.log");
  EXPECT_FALSE(daemon.Running());
  EXPECT_FALSE(daemon.Stop(absl::Seconds(1))) << "nothing to stop";
  ASSERT_TRUE(daemon.Start("/bin/sh", {"-c", "echo here; exec sleep 1000"}).ok());
  const auto pid = daemon.Running();
  ASSERT_TRUE(pid);
  EXPECT_EQ(Daemon(dir_ / "sleep.pid", dir_ / "sleep.log").Running(), pid);
  EXPECT_EQ(getsid(*pid), *pid) << "a session of its own";
  EXPECT_FALSE(daemon.Stop(absl::Seconds(20))) << "it ended when it was asked to";
  EXPECT_FALSE(daemon.Running());
  EXPECT_FALSE(fs::exists(dir_ / "sleep.pid"));
  ASSERT_TRUE(daemon.Start("/bin/sh", {"-c", "trap '' TERM; exec sleep 1000"}).ok());
  absl::SleepFor(absl::Milliseconds(200));  // until the shell has set its trap
  EXPECT_TRUE(daemon.Stop(absl::Milliseconds(100))) << "it was killed";
  EXPECT_FALSE(daemon.Running());
}

TEST_F(DaemonTest, AProcessRunsUntilItsLastThreadHasEnded) {
  const Daemon daemon(dir_ / "threads.pid", dir_ / "threads.log");
  ASSERT_TRUE(daemon
                  .Start("/usr/bin/python3", {"-c",
                                              "import ctypes, threading, time\n"
                                              "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
                                              "print('started', flush=True)\n"
                                              "ctypes.CDLL(None).pthread_exit(None)"})
                  .ok());
  const auto pid = daemon.Running();
  ASSERT_TRUE(pid);
  const std::string stat = absl::StrCat("/proc/", *pid, "/stat");
  std::string text;
  for (int i = 0; i < 1000 && !absl::StrContains(text, ") Z "); ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    std::getline(std::ifstream(stat), text);
  }
  ASSERT_TRUE(absl::StrContains(text, ") Z ")) << text << "\n" << daemon.LogTail();
  EXPECT_EQ(daemon.Running(), pid) << "what it had locked is still locked";
  daemon.Stop(absl::Seconds(20));
  EXPECT_FALSE(daemon.Running());
}

TEST_F(DaemonTest, AnotherProcessWithTheSameNumberIsNotTakenForIt) {
  std::ofstream(dir_ / "old.pid") << getpid() << "\n1\n";
  EXPECT_FALSE(Daemon(dir_ / "old.pid", dir_ / "log").Running());
}

TEST_F(DaemonTest, WhatCannotBeStartedIsSaid) {
  const Daemon daemon(dir_ / "no.pid", dir_ / "no.log");
  EXPECT_EQ(daemon.Start(dir_ / "no-such-program", {}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(FindProgram("loupe-no-such-program").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace loupe
