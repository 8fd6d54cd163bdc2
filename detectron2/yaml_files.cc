#include "detectron2/yaml_files.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "content/read_file.h"

namespace loupe {
namespace {

constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxFiles = 16;
constexpr int kMaxDepth = 32;
constexpr char kBase[] = "_BASE_";

std::string At(const YAML::Mark& mark) { return absl::StrCat("line ", mark.line + 1, ": "); }

// Throws at tags and deep nesting, before anything is built from the text.
class Guard : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string&) override {
    CheckTag(mark, tag);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Enter(mark, tag);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Enter(mark, tag);
  }
  void OnMapEnd() override { --depth_; }

 private:
  // Plain and quoted values have the tags `?` and `!`.
  static void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw YAML::ParserException(
        mark, absl::StrCat("the tag ", tag, " asks for an object of a program; write plain values"));
  }
  void Enter(const YAML::Mark& mark, const std::string& tag) {
    CheckTag(mark, tag);
    if (++depth_ > kMaxDepth) throw YAML::ParserException(mark, "it nests too deep");
  }

  int depth_ = 0;
};

absl::StatusOr<YAML::Node> Parse(const std::string& text) {
  try {
    std::istringstream stream(text);
    Guard guard;
    YAML::Parser(stream).HandleNextDocument(guard);
    YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) return absl::InvalidArgumentError("it has no keys");
    return root;
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(At(error.mark), error.msg));
  }
}

// The files that one is based on, in their order.
absl::StatusOr<std::vector<std::string>> BasesOf(const YAML::Node& root) {
  std::vector<std::string> bases;
  const YAML::Node base = root[kBase];
  try {
    if (base.IsDefined() && base.IsSequence()) return base.as<std::vector<std::string>>();
    if (base.IsDefined()) bases.push_back(base.as<std::string>());
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(At(error.mark), kBase, " must be the name of a file"));
  }
  return bases;
}

// Whether `path` is in `folder` or below it, links followed.
bool IsIn(const std::filesystem::path& folder, const std::filesystem::path& path) {
  const std::filesystem::path inside = path.lexically_relative(folder);
  return !inside.empty() && *inside.begin() != "..";
}

}  // namespace

absl::StatusOr<YamlFiles> YamlFiles::Read(const std::filesystem::path& path) {
  YamlFiles files;
  std::error_code error;
  const std::filesystem::path folder =
      std::filesystem::weakly_canonical(path.has_parent_path() ? path.parent_path() : ".", error);
  if (absl::Status added = files.Add(folder, path); !added.ok()) return added;
  return files;
}

absl::Status YamlFiles::Add(const std::filesystem::path& folder, const std::filesystem::path& path) {
  const auto bad = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", what));
  };
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::weakly_canonical(path, error);
  if (std::find(paths_.begin(), paths_.end(), whole) != paths_.end())
    return bad("it is based on itself, or named twice");
  if (paths_.size() == kMaxFiles) return bad(absl::StrCat("it is one of more than ", kMaxFiles, " files"));
  paths_.push_back(whole);
  if (std::filesystem::is_regular_file(path, error) && std::filesystem::file_size(path, error) > kMaxBytes)
    return bad("it is above 1 MiB: no configuration is as long");
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const absl::StatusOr<YAML::Node> root = Parse(*text);
  if (!root.ok()) return bad(root.status().message());
  roots_.push_back(*root);
  const absl::StatusOr<std::vector<std::string>> bases = BasesOf(*root);
  if (!bases.ok()) return bad(bases.status().message());
  // Of several bases a later one comes before an earlier one.
  for (auto base = bases->rbegin(); base != bases->rend(); ++base) {
    const std::filesystem::path next = path.parent_path() / *base;
    if (!IsIn(folder, std::filesystem::weakly_canonical(next, error))) {
      return bad(
          absl::StrCat(kBase, " is ", *base,
                       ", which is outside the configuration's folder: put that file beside it and name "
                       "it there"));
    }
    if (absl::Status added = Add(folder, next); !added.ok()) return added;
  }
  return absl::OkStatus();
}

YAML::Node YamlFiles::FindIn(const YAML::Node& root, const std::string& key) {
  const std::vector<std::string> parts = absl::StrSplit(key, '.');
  YAML::Node node = root;
  for (const std::string& part : parts) {
    if (!node.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
    const YAML::Node inner = std::as_const(node)[part];
    if (!inner.IsDefined()) return YAML::Node(YAML::NodeType::Undefined);
    node.reset(inner);
  }
  return node;
}

YAML::Node YamlFiles::Find(const std::string& key) const {
  for (const YAML::Node& root : roots_) {
    YAML::Node node = FindIn(root, key);
    if (node.IsDefined()) return node;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

std::vector<std::string> YamlFiles::KeysOf(const std::string& key) const {
  std::vector<std::string> keys;
  for (const YAML::Node& root : roots_) {
    const YAML::Node node = FindIn(root, key);
    if (!node.IsDefined() || !node.IsMap()) continue;
    for (const auto& entry : node) {
      if (entry.first.IsScalar()) keys.push_back(entry.first.Scalar());
    }
  }
  return keys;
}

}  // namespace loupe
