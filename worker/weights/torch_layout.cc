#include "worker/weights/torch_layout.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "worker/weights/stored_zip.h"

namespace loupe {
namespace {

using Kind = Pickled::Kind;

// A parsed value takes up to a hundred times its bytes in the pickle. A state dict of thousands of tensors
// has a pickle of 1 MB.
constexpr uint64_t kMaxPickleBytes = 16 << 20;

absl::Status BadLayout(const std::string& what) { return absl::InvalidArgumentError(what); }

class ZipLayout : public TorchLayout {
 public:
  explicit ZipLayout(StoredZip zip) : zip_(std::move(zip)) { file_bytes_ = zip_.file_bytes(); }

  absl::Status ReadPickle(const std::vector<std::string_view>& allowed) {
    const StoredZip::Record* record = zip_.Find("data.pkl");
    if (record == nullptr) return BadLayout("it is an archive without data.pkl");
    if (record->size > kMaxPickleBytes) return BadLayout("its data.pkl is too long for a state dict");
    text_.resize(record->size);
    if (absl::Status read = zip_.Read(*record, text_.data()); !read.ok()) return read;
    absl::StatusOr<Pickle> pickle = Pickle::Parse(text_, allowed);
    if (pickle.ok()) pickle_ = *std::move(pickle);
    return pickle.status();
  }

  std::optional<uint64_t> BytesOf(const std::string& key) const override {
    const StoredZip::Record* record = zip_.Find("data/" + key);
    return record == nullptr ? std::nullopt : std::optional(record->size);
  }
  absl::Status Read(const std::string& key, char* to) override {
    return zip_.Read(*zip_.Find("data/" + key), to);
  }

 private:
  StoredZip zip_;
};

// The layout before 1.6: the magic number, the version, facts about the machine, the saved value and the list
// of keys, a pickle each; then for each key the number of elements, in 8 bytes, and the elements.
class PickleLayout : public TorchLayout {
 public:
  // Its magic number as a pickle has it, in every protocol: LONG1, ten bytes, STOP.
  static constexpr std::string_view kMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  // As protocols 0 and 1 have it.
  static constexpr std::string_view kTextMagic = "L119547037146038801333356L";
  static constexpr size_t kMostBeforeMagic = 11;  // opcodes PROTO and FRAME

  absl::Status Load(const std::string& path, const std::vector<std::string_view>& allowed) {
    stream_.open(path, std::ios::binary | std::ios::ate);
    if (!stream_) return BadLayout("it can't be opened");
    file_bytes_ = static_cast<uint64_t>(stream_.tellg());
    text_.resize(std::min(file_bytes_, kMaxPickleBytes));
    if (absl::Status read = ReadAt(0, text_.size(), text_.data()); !read.ok()) return read;
    if (absl::Status read = ReadPickles(allowed); !read.ok()) return read;
    return FindStorages();
  }

  std::optional<uint64_t> BytesOf(const std::string& key) const override {
    const auto found = storages_.find(key);
    return found == storages_.end() ? std::nullopt : std::optional(found->second.size);
  }
  absl::Status Read(const std::string& key, char* to) override {
    const Extent& extent = storages_.at(key);
    return ReadAt(extent.begin, extent.size, to);
  }

 private:
  struct Extent {
    uint64_t begin = 0, size = 0;  // in bytes
  };

  absl::StatusOr<Pickle> NextPickle(const std::vector<std::string_view>& allowed) {
    absl::StatusOr<Pickle> pickle = Pickle::Parse(std::string_view(text_).substr(position_), allowed);
    if (pickle.ok()) position_ += pickle->bytes();
    const bool is_part = !pickle.ok() && text_.size() < file_bytes_;
    if (is_part && absl::StrContains(pickle.status().message(), "cut short"))
      return BadLayout("its pickles are too long for a state dict");
    return pickle;
  }

  absl::Status ReadPickles(const std::vector<std::string_view>& allowed) {
    position_ = text_.find(kMagic) + kMagic.size();
    const absl::StatusOr<Pickle> version = NextPickle({});
    if (!version.ok()) return version.status();
    constexpr int64_t kVersion = 1001;
    if (version->root().integer != kVersion) return BadLayout("it has another version than PyTorch's 1001");
    const absl::StatusOr<Pickle> machine = NextPickle({});
    if (!machine.ok()) return machine.status();
    const Pickled* little = machine->root().Find("little_endian");
    if (little == nullptr || little->integer != 1)
      return BadLayout("it doesn't say that its numbers are little-endian");
    absl::StatusOr<Pickle> saved = NextPickle(allowed);
    if (!saved.ok()) return saved.status();
    pickle_ = *std::move(saved);
    absl::StatusOr<Pickle> keys = NextPickle({});
    if (!keys.ok()) return keys.status();
    for (const Pickled* key : keys->root().items) keys_.push_back(key->text);
    return absl::OkStatus();
  }

  // How many bytes an element of each storage takes, which only the pickle says.
  absl::StatusOr<std::map<std::string, uint64_t>> ElementBytes() const {
    std::map<std::string, uint64_t> bytes;
    for (const Pickled& value : pickle_.values()) {
      if (value.kind != Kind::kPersistent) continue;
      const absl::StatusOr<StorageId> id = ReadStorageId(value);
      if (!id.ok()) return BadLayout("a tensor " + std::string(id.status().message()));
      const auto known = bytes.emplace(id->key, c10::elementSize(id->type)).first;
      if (known->second != c10::elementSize(id->type)) return BadLayout("a tensor has data of two types");
    }
    return bytes;
  }

  absl::Status FindStorages() {
    const auto element_bytes = ElementBytes();
    if (!element_bytes.ok()) return element_bytes.status();
    uint64_t position = position_;
    for (const std::string& key : keys_) {
      const auto known = element_bytes->find(key);
      if (known == element_bytes->end()) return BadLayout("it has data that belong to no tensor");
      uint64_t count = 0;
      static_assert(std::endian::native == std::endian::little);
      char number[sizeof(count)];
      if (absl::Status read = ReadAt(position, sizeof(count), number); !read.ok()) return read;
      std::memcpy(&count, number, sizeof(count));
      position += sizeof(count);
      if (count > (file_bytes_ - position) / known->second) return BadLayout("it is cut short");
      if (!storages_.emplace(key, Extent{position, count * known->second}).second)
        return BadLayout("it has data twice");
      position += count * known->second;
    }
    return absl::OkStatus();
  }

  absl::Status ReadAt(uint64_t begin, uint64_t count, char* to) {
    if (begin > file_bytes_ || count > file_bytes_ - begin) return BadLayout("it is cut short");
    stream_.seekg(static_cast<std::streamoff>(begin));
    stream_.read(to, static_cast<std::streamsize>(count));
    return stream_ ? absl::OkStatus() : BadLayout("it can't be read");
  }

  std::ifstream stream_;
  size_t position_ = 0;  // in text_, of what is not parsed yet
  std::vector<std::string> keys_;
  std::map<std::string, Extent> storages_;
};

}  // namespace

absl::StatusOr<StorageId> ReadStorageId(const Pickled& persistent) {
  const Pickled& id = *persistent.items[0];
  constexpr size_t kKind = 0, kType = 1, kKey = 2, kView = 5, kMost = 6;
  const auto& parts = id.items;
  const bool named = id.kind == Kind::kTuple && parts.size() >= kView && parts.size() <= kMost &&
                     parts[kKind]->text == "storage" && parts[kType]->kind == Kind::kGlobal &&
                     parts[kKey]->kind == Kind::kString;
  if (!named) return BadLayout("has data that are not named as PyTorch does it");
  if (parts.size() == kMost && parts[kView]->kind != Kind::kNone)
    return BadLayout("has data that are a part of others, as no PyTorch since 0.4 writes them");
  for (const StorageType& known : kStorageTypes) {
    if (known.name == parts[kType]->text) return StorageId{known.type, parts[kKey]->text};
  }
  return BadLayout(absl::StrCat("has data of the type ", parts[kType]->text));
}

absl::StatusOr<std::unique_ptr<TorchLayout>> TorchLayout::Open(const std::string& path,
                                                               const std::vector<std::string_view>& allowed) {
  std::string start(PickleLayout::kMostBeforeMagic + PickleLayout::kMagic.size(), '\0');
  std::ifstream stream(path, std::ios::binary);
  stream.read(start.data(), static_cast<std::streamsize>(start.size()));
  if (start.find(PickleLayout::kMagic) != std::string::npos) {
    auto layout = std::make_unique<PickleLayout>();
    if (absl::Status read = layout->Load(path, allowed); !read.ok()) return read;
    return layout;
  }
  if (start.starts_with(PickleLayout::kTextMagic.substr(0, start.size())))
    return BadLayout("it was saved with pickle_protocol 0 or 1: save it with 2 or more");
  if (!start.starts_with("PK")) return BadLayout("torch.save doesn't begin a file like this");
  absl::StatusOr<StoredZip> zip = StoredZip::Open(path);
  if (!zip.ok()) return zip.status();
  auto layout = std::make_unique<ZipLayout>(*std::move(zip));
  if (absl::Status read = layout->ReadPickle(allowed); !read.ok()) return read;
  return layout;
}

}  // namespace loupe
