// `loupe-worker` as its users call it: what it prints, what it leaves behind, how it exits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "coco/coco_results.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Outcome {
  int exit_status = 0;
  std::string out;
  std::string errors;
};

std::string Content(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

class CommandTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::remove_all(Folder());
    fs::create_directories(Folder());
    ASSERT_EQ(Run("sample --out " + Path("parts") + " --images 6 --seed 2").exit_status, 0);
    std::ofstream(Folder() / "recipe.textproto") << "detector { preset: \"small\" min_size: 64 max_size: 64 "
                                                    "} training { batch_size: 2 checkpoint_interval: 2 }";
  }
  static fs::path Folder() { return fs::path(testing::TempDir()) / "command_test"; }
  static std::string Path(const std::string& name) { return (Folder() / name).string(); }
  static std::string Worker() { return (fs::path(std::getenv("LOUPE_BIN")) / "loupe-worker").string(); }

  static Outcome Run(const std::string& arguments) {
    const std::string command = Worker() + " " + arguments + " > " + Path("out") + " 2> " + Path("errors");
    const int status = std::system(command.c_str());
    return {WEXITSTATUS(status), Content(Folder() / "out"), Content(Folder() / "errors")};
  }
  static std::string Train(const std::string& out, int iterations) {
    return "train --coco " + Path("parts/annotations.json") + " --images " + Path("parts/images") +
           " --recipe " + Path("recipe.textproto") + " --seed 3 --out " + Path(out) + " --iterations " +
           std::to_string(iterations);
  }
};

TEST_F(CommandTest, WrongUsageExitsWith2) {
  for (const std::string arguments :
       {"", "nonsense", "sample --images 3", "sample --out x --images 0", "sample --out x --images many",
        "train --coco a --images b --out c", "train --coco a --images b --out c --preset huge",
        "detect --weights w", "detect --weights w --coco c", "eval --ground-truth a", "run --server a:1",
        "run --server a:1 --token-file t --device tpu", "detect --weights w a.jpg --device cuda",
        "train --coco a --images b --out c --preset small --device gpu:0",
        "detect --weights w a.jpg --precision int8"}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_status, 2) << arguments;
    EXPECT_FALSE(outcome.errors.empty()) << arguments;
  }
}

TEST_F(CommandTest, HelpAndWrongUsageNeedNoLibTorch) {
  const fs::path alone = Folder() / "alone";
  fs::create_directories(alone);
  fs::copy_file(Worker(), alone / "loupe-worker");
  const auto run = [&](const std::string& arguments) {
    const std::string errors = Path("errors");
    const int status =
        std::system((alone.string() + "/loupe-worker " + arguments + " > /dev/null 2> " + errors).c_str());
    return Outcome{WEXITSTATUS(status), "", Content(errors)};
  };
  EXPECT_EQ(run("--help").exit_status, 0);
  EXPECT_EQ(run("--version").exit_status, 0);
  EXPECT_EQ(run("detect --help").exit_status, 0);
  EXPECT_EQ(run("detect --weights w").exit_status, 2);
  const Outcome work = run("sample --images 1 --out " + Path("never"));
  EXPECT_EQ(work.exit_status, 1);
  EXPECT_THAT(work.errors, HasSubstr("loupe-worker-torch"));
}

TEST_F(CommandTest, FailuresExitWith1AndOneLine) {
  const Outcome no_file = Run("detect --weights " + Path("none.safetensors") + " " + Path("a.jpg"));
  EXPECT_EQ(no_file.exit_status, 1);
  EXPECT_THAT(no_file.errors, HasSubstr("none.safetensors"));
  EXPECT_EQ(std::count(no_file.errors.begin(), no_file.errors.end(), '\n'), 1);
  std::ofstream(Folder() / "bad.textproto") << "training { iterations: 5 speed: 9 }";
  const Outcome bad_recipe =
      Run("train --coco " + Path("parts/annotations.json") + " --images " + Path("parts/images") +
          " --recipe " + Path("bad.textproto") + " --out " + Path("never"));
  EXPECT_EQ(bad_recipe.exit_status, 1);
  EXPECT_THAT(bad_recipe.errors, HasSubstr("speed"));
  EXPECT_FALSE(fs::exists(Folder() / "never"));
}

TEST_F(CommandTest, TrainDetectAndEvalFitTogether) {
  const Outcome trained = Run(Train("model", 3));
  ASSERT_EQ(trained.exit_status, 0) << trained.errors;
  EXPECT_FALSE(fs::exists(Folder() / "model/checkpoint.safetensors"));
  const std::string weights = " --weights " + Path("model/model.safetensors") + " --score-threshold 0 ";
  const Outcome lines = Run("detect" + weights + Path("parts/images/part_0001_a.jpg") + " " +
                            Path("parts/images/part_0001_a.jpg") + " --json");
  ASSERT_EQ(lines.exit_status, 0) << lines.errors;
  std::istringstream stream(lines.out);
  std::string line;
  int count = 0;
  for (; std::getline(stream, line); ++count) {
    const nlohmann::json object = nlohmann::json::parse(line);
    EXPECT_EQ(object.at("image"), Path("parts/images/part_0001_a.jpg"));
    ASSERT_FALSE(object.at("detections").empty());
    for (const nlohmann::json& detection : object.at("detections")) {
      EXPECT_EQ(detection.at("box").size(), 4);
      EXPECT_GE(detection.at("label"), 1);
      EXPECT_LE(detection.at("label"), 5);
      EXPECT_LE(detection.at("box")[2], 128);
    }
  }
  EXPECT_EQ(count, 2);
  // A folder, with a file that is no picture: the others are predicted, and the file is named.
  std::ofstream(Folder() / "parts/images/a_bad.png") << "no picture";
  const Outcome folder = Run("detect" + weights + Path("parts/images"));
  fs::remove(Folder() / "parts/images/a_bad.png");
  EXPECT_EQ(folder.exit_status, 1);
  EXPECT_THAT(folder.errors, HasSubstr("a_bad.png: "));
  std::istringstream folder_lines(folder.out);
  for (count = 0; std::getline(folder_lines, line); ++count) {
    const nlohmann::json object = nlohmann::json::parse(line);
    EXPECT_EQ(object.contains("error"), count == 0) << "in order of their names";
    if (count != 1) continue;
    EXPECT_FALSE(object.at("detections")[0].at("class").get<std::string>().empty());
  }
  EXPECT_EQ(count, 7);
  const Outcome coco = Run("detect" + weights + " --coco " + Path("parts/annotations.json") + " --images " +
                           Path("parts/images") + " --out " + Path("results.json"));
  ASSERT_EQ(coco.exit_status, 0) << coco.errors;
  const auto results = ReadCocoResults(Path("results.json"));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_FALSE(results->empty());
  const Outcome judged = Run("eval --json --ground-truth " + Path("parts/annotations.json") +
                             " --detections " + Path("results.json"));
  EXPECT_EQ(judged.exit_status, 0) << judged.errors;
  EXPECT_TRUE(nlohmann::json::accept(judged.out));
}

TEST_F(CommandTest, TrainTellsApOfOtherImages) {
  std::ofstream(Folder() / "average.textproto")
      << "detector { preset: \"small\" min_size: 64 max_size: 64 } "
         "training { batch_size: 2 ema_decay: 0.9 validation_interval: 2 }";
  ASSERT_EQ(Run("sample --out " + Path("others") + " --images 3 --seed 8").exit_status, 0);
  const std::string arguments = "train --coco " + Path("parts/annotations.json") + " --images " +
                                Path("parts/images") + " --recipe " + Path("average.textproto") +
                                " --iterations 3 --out " + Path("measured");
  const std::string others =
      " --val-coco " + Path("others/annotations.json") + " --val-images " + Path("others/images");
  const Outcome trained = Run(arguments + others);
  ASSERT_EQ(trained.exit_status, 0) << trained.errors;
  EXPECT_THAT(trained.errors, testing::ContainsRegex("iteration 2 of 3: .*, AP50 0\\.[0-9]+, AP 0\\."));
  EXPECT_THAT(trained.errors, testing::ContainsRegex("iteration 3 of 3: .*, AP50 0\\.[0-9]+, AP 0\\."));
  // The last figure is the saved weights' own.
  ASSERT_EQ(Run("detect --weights " + Path("measured/model.safetensors") + " --coco " +
                Path("others/annotations.json") + " --images " + Path("others/images") + " --out " +
                Path("others.json"))
                .exit_status,
            0);
  const Outcome judged = Run("eval --json --ground-truth " + Path("others/annotations.json") +
                             " --detections " + Path("others.json"));
  ASSERT_EQ(judged.exit_status, 0) << judged.errors;
  const double ap50 = nlohmann::json::parse(judged.out)["overall"]["ap50"];
  const size_t printed = trained.errors.rfind("AP50 ") + 5;
  EXPECT_NEAR(std::stod(trained.errors.substr(printed, 6)), ap50, 0.001);

  EXPECT_EQ(Run(arguments + " --val-coco " + Path("others/annotations.json")).exit_status, 2);
  std::ofstream(Folder() / "average.textproto")
      << "detector { preset: \"small\" } training { validation_share: 0.2 }";
  const Outcome both = Run(arguments + others);
  EXPECT_EQ(both.exit_status, 1);
  EXPECT_THAT(both.errors, HasSubstr("drop one"));
}

TEST_F(CommandTest, AGpuThatIsNotThereIsRefused) {
  std::ofstream(Folder() / "token") << "secret\n";
  for (const std::string& arguments :
       {Train("on_gpu", 3),
        "run --server 127.0.0.1:1 --token-file " + Path("token") + " --cache-dir " + Path("cache")}) {
    const Outcome outcome = Run(arguments + " --device cuda:99");
    EXPECT_EQ(outcome.exit_status, 1) << arguments;
    EXPECT_THAT(outcome.errors, HasSubstr("cuda:99"));
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
    const Outcome shared = Run(arguments + " --device cuda:0 --processes 2");
    EXPECT_EQ(shared.exit_status, 1) << arguments;
    EXPECT_THAT(shared.errors, HasSubstr("--device cpu"));
    EXPECT_EQ(std::count(shared.errors.begin(), shared.errors.end(), '\n'), 1) << shared.errors;
  }
}

// oneDNN can be told to do without the instructions that a processor has.
TEST_F(CommandTest, DetectsInBfloat16OrSaysWhyNot) {
  ASSERT_EQ(Run(Train("for_bfloat16", 1)).exit_status, 0);
  const std::string detect = "detect --precision bfloat16 --weights " +
                             Path("for_bfloat16/model.safetensors") + " --score-threshold 0 " +
                             Path("parts/images/part_0001_a.jpg");
  const Outcome done = Run(detect);
  if (done.exit_status == 0) {
    EXPECT_THAT(done.out, HasSubstr("score"));
  } else {
    EXPECT_THAT(done.errors, HasSubstr("use float32"));
  }
  setenv("DNNL_MAX_CPU_ISA", "AVX2", 1);
  const Outcome refused = Run(detect);
  unsetenv("DNNL_MAX_CPU_ISA");
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("use float32"));
  EXPECT_EQ(std::count(refused.errors.begin(), refused.errors.end(), '\n'), 1) << refused.errors;
}

// A training that is killed and called again ends with the bits of one that was not.
TEST_F(CommandTest, ATrainingThatWasKilledGoesOn) {
  ASSERT_EQ(Run(Train("whole", 8)).exit_status, 0);
  const fs::path checkpoint = Folder() / "killed/checkpoint.safetensors";
  const pid_t child = fork();
  if (child == 0) {
    const std::string command = "exec " + Worker() + " " + Train("killed", 8) + " 2> /dev/null";
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  while (!fs::exists(checkpoint) && waitpid(child, nullptr, WNOHANG) == 0) std::this_thread::yield();
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(fs::exists(checkpoint));
  const Outcome resumed = Run(Train("killed", 8));
  ASSERT_EQ(resumed.exit_status, 0) << resumed.errors;
  EXPECT_THAT(resumed.errors, HasSubstr("goes on from iteration"));
  EXPECT_EQ(Content(Folder() / "killed/model.safetensors"), Content(Folder() / "whole/model.safetensors"));
  EXPECT_FALSE(fs::exists(checkpoint));
}

std::vector<pid_t> ChildrenOf(pid_t parent) {
  const std::string id = std::to_string(parent);
  std::ifstream file("/proc/" + id + "/task/" + id + "/children");
  return {std::istream_iterator<pid_t>(file), {}};
}

// One process of two is killed: the other doesn't wait for it, and the command goes on where it was.
TEST_F(CommandTest, AKilledProcessEndsTheTrainingOfAll) {
  constexpr int kIterations = 30;
  ASSERT_EQ(Run(Train("whole2", kIterations) + " --processes 2").exit_status, 0);
  const fs::path checkpoint = Folder() / "killed2/checkpoint.safetensors";
  const pid_t parent = fork();
  if (parent == 0) {
    const std::string command =
        "exec " + Worker() + " " + Train("killed2", kIterations) + " --processes 2 2> " + Path("killed2.log");
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  while (!fs::exists(checkpoint) && kill(parent, 0) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the processes want the cores
  }
  const std::vector<pid_t> ranks = ChildrenOf(parent);
  ASSERT_EQ(ranks.size(), 2u) << Content(Folder() / "killed2.log");
  kill(ranks[1], SIGKILL);
  int how = 0;
  ASSERT_EQ(waitpid(parent, &how, 0), parent);
  EXPECT_EQ(WEXITSTATUS(how), 1);
  EXPECT_THAT(Content(Folder() / "killed2.log"), HasSubstr("ended by signal 9"));
  ASSERT_TRUE(fs::exists(checkpoint));
  const Outcome resumed = Run(Train("killed2", kIterations) + " --processes 2");
  ASSERT_EQ(resumed.exit_status, 0) << resumed.errors;
  EXPECT_THAT(resumed.errors, HasSubstr("goes on from iteration"));
  EXPECT_EQ(Content(Folder() / "killed2/model.safetensors"), Content(Folder() / "whole2/model.safetensors"));
}

TEST_F(CommandTest, MoreProcessesThanImagesABatchAreRefused) {
  const Outcome refused = Run(Train("never", 2) + " --processes 3");
  EXPECT_EQ(refused.exit_status, 1);
  EXPECT_THAT(refused.errors, HasSubstr("--processes 3 share a batch of 2 images"));
  EXPECT_FALSE(fs::exists(Folder() / "never"));
}

// Nobody listens on port 1: the worker waits for its coordinator, and ends when it is told to.
TEST_F(CommandTest, RunEndsOrderlyAtSigterm) {
  std::ofstream(Folder() / "token") << "secret\n";
  for (const std::string processes : {"1", "2"}) {
    const std::string log = Path("run.log");
    fs::remove(log);
    const pid_t child = fork();
    if (child == 0) {
      const std::string command = "exec " + Worker() + " run --server 127.0.0.1:1 --token-file " +
                                  Path("token") + " --cache-dir " + Path("cache") + " --processes " +
                                  processes + " > " + log + " 2>&1";
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    const auto lines_with = [&](const std::string& text) {
      const std::string content = Content(log);
      int count = 0;
      for (size_t at = content.find(text); at != std::string::npos; at = content.find(text, at + 1)) ++count;
      return count;
    };
    while (lines_with("no answer from the coordinator") == 0 && waitpid(child, nullptr, WNOHANG) == 0) {
      std::this_thread::yield();
    }
    kill(child, SIGTERM);
    int how = 0;
    ASSERT_EQ(waitpid(child, &how, 0), child);
    EXPECT_TRUE(WIFEXITED(how)) << Content(log);
    EXPECT_EQ(WEXITSTATUS(how), 0);
    EXPECT_GE(lines_with(" stops"), 1) << Content(log);
  }
}

TEST_F(CommandTest, RunSaysWhyItCannotStart) {
  const Outcome no_token =
      Run("run --server 127.0.0.1:1 --token-file " + Path("none") + " --cache-dir " + Path("cache"));
  EXPECT_EQ(no_token.exit_status, 1);
  EXPECT_THAT(no_token.errors, HasSubstr("none"));
  std::ofstream(Folder() / "token") << "secret\n";
  const Outcome no_tls = Run("run --server example.com:7000 --token-file " + Path("token"));
  EXPECT_EQ(no_tls.exit_status, 1);
  EXPECT_THAT(no_tls.errors, HasSubstr("--ca-cert"));
}

}  // namespace
}  // namespace loupe
