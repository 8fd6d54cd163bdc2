#include "worker/weights/pickle.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace loupe {
namespace {

using Kind = Pickled::Kind;

constexpr char kOrderedDict[] = "collections.OrderedDict";
constexpr char kDefaultDict[] = "collections.defaultdict";
// A model has some ten values for each of a few thousand tensors.
constexpr size_t kMaxValues = 1'000'000;

// Opcodes, under Python's names for them.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kLong1 = 0x8a,
  kNone = 'N',
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kBinFloat = 'G',
  kBinUnicode = 'X',
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinBytes8 = 0x8e,
  kByteArray8 = 0x96,
  kBinString = 'T',
  kShortBinString = 'U',
  kEmptyList = ']',
  kAppend = 'a',
  kAppends = 'e',
  kEmptyTuple = ')',
  kTuple = 't',
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kEmptyDict = '}',
  kSetItem = 's',
  kSetItems = 'u',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kMemoize = 0x94,
  kBinGet = 'h',
  kLongBinGet = 'j',
  kGlobal = 'c',
  kStackGlobal = 0x93,
  kReduce = 'R',
  kNewObj = 0x81,
  kBuild = 'b',
  kBinPersId = 'Q',
  kProto = 0x80,
  kFrame = 0x95,
};

}  // namespace

// A stack machine, like Python's own. The first error sets `error_` and ends the run.
class PickleParser {
 public:
  PickleParser(std::string_view bytes, const std::vector<std::string_view>& allowed, Pickle& pickle)
      : bytes_(bytes), allowed_(allowed), pickle_(pickle) {}

  absl::Status Run() {
    while (error_.ok() && pickle_.root_ == nullptr) Step();
    pickle_.bytes_ = position_;
    return error_;
  }

 private:
  void Fail(const std::string& what) {
    if (error_.ok()) error_ = absl::InvalidArgumentError(what);
  }

  std::string_view Take(uint64_t count) {
    if (count > bytes_.size() - position_) {
      Fail("it is cut short");
      return {};
    }
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }

  // Little-endian.
  uint64_t TakeInteger(size_t count) {
    uint64_t value = 0;
    const std::string_view taken = Take(count);
    for (size_t i = 0; i < taken.size(); ++i)
      value |= static_cast<uint64_t>(static_cast<uint8_t>(taken[i])) << (8 * i);
    return value;
  }

  std::string_view TakeLine() {
    const size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) {
      Fail("it is cut short");
      return {};
    }
    const std::string_view line = bytes_.substr(position_, end - position_);
    position_ = end + 1;
    return line;
  }

  Pickled* New(Kind kind) {
    if (pickle_.values_.size() == kMaxValues) Fail("it holds more than a million values");
    Pickled& value = pickle_.values_.emplace_back();
    value.kind = kind;
    return &value;
  }
  Pickled* Push(Kind kind) {
    stack_.push_back(New(kind));
    return stack_.back();
  }
  void PushInteger(int64_t value) { Push(Kind::kInt)->integer = value; }
  void PushText(std::string_view text) { Push(Kind::kString)->text = text; }
  void PushBytes(std::string_view bytes) { Push(Kind::kBytes)->bytes = bytes; }

  // Values below the last mark can't be popped until the mark is removed.
  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Pickled* Pop() {
    if (stack_.size() <= Floor()) {
      Fail("it takes more from its stack than it put there");
      return New(Kind::kNone);
    }
    Pickled* value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Pickled* Top() {
    Pickled* value = Pop();
    stack_.push_back(value);
    return value;
  }
  std::vector<const Pickled*> PopToMark() {
    if (marks_.empty()) {
      Fail("it takes more from its stack than it put there");
      return {};
    }
    const auto begin = stack_.begin() + static_cast<int64_t>(marks_.back());
    std::vector<const Pickled*> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return values;
  }
  std::vector<const Pickled*> PopSeveral(size_t count) {
    std::vector<const Pickled*> values(count);
    for (size_t i = count; i-- > 0;) values[i] = Pop();
    return values;
  }

  void AddTo(Kind kind, const std::vector<const Pickled*>& values) {
    Pickled* container = Top();
    if (container->kind != kind || (kind == Kind::kDict && values.size() % 2 != 0)) {
      Fail("it fills something that is no list or dict");
      return;
    }
    container->items.insert(container->items.end(), values.begin(), values.end());
  }

  void PushGlobal(std::string name) {
    if (std::find(allowed_.begin(), allowed_.end(), name) == allowed_.end()) {
      Fail(absl::StrCat("it asks for '", name,
                        "', which is code; only tensors and plain containers are read"));
      return;
    }
    Push(Kind::kGlobal)->text = std::move(name);
  }

  void PushCall() {
    const Pickled* arguments = Pop();
    const Pickled* callable = Pop();
    if (callable->kind != Kind::kGlobal || arguments->kind != Kind::kTuple) {
      Fail("it calls something that is no function");
    } else if (callable->text == kOrderedDict) {
      PushOrderedDict(*arguments);
    } else if (callable->text == kDefaultDict) {
      Push(Kind::kDict);  // its argument makes values that are missing
    } else {
      Push(Kind::kCall)->items = {callable, arguments};
    }
  }

  // Python 2 gives it a list of its entries, Python 3 fills it later.
  void PushOrderedDict(const Pickled& arguments) {
    Pickled* dict = Push(Kind::kDict);
    if (arguments.items.empty()) return;
    copied_ += arguments.items[0]->items.size();
    if (copied_ > kMaxValues) return Fail("it holds more than a million values");
    for (const Pickled* entry : arguments.items[0]->items) {
      if (entry->items.size() != 2) return Fail("it fills a dict with something that is no key and value");
      dict->items.insert(dict->items.end(), entry->items.begin(), entry->items.end());
    }
  }

  void PushMemo(uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) {
      Fail("it repeats something that was not there");
      return;
    }
    stack_.push_back(found->second);
  }

  void PushLong(size_t count) {
    if (count > sizeof(uint64_t)) {
      PushBytes(Take(count));  // such as the state of a random number generator; nothing here is as large
      return;
    }
    uint64_t value = TakeInteger(count);
    const bool negative = count > 0 && (value >> (8 * count - 1) & 1) != 0;
    if (negative && count < sizeof(uint64_t)) value |= ~uint64_t{0} << (8 * count);
    PushInteger(static_cast<int64_t>(value));
  }

  void PushFloat() {
    uint64_t bits = 0;  // big-endian
    for (const char byte : Take(sizeof(uint64_t))) bits = bits << 8 | static_cast<uint8_t>(byte);
    Push(Kind::kFloat)->real = std::bit_cast<double>(bits);
  }

  void Step() {
    const auto opcode = static_cast<uint8_t>(TakeInteger(1));
    if (!error_.ok()) return;
    switch (opcode) {
      case kProto:
        Take(1);
        return;
      case kFrame:
        Take(sizeof(uint64_t));
        return;
      case kStop:
        pickle_.root_ = Pop();
        return;
      case kMark:
        marks_.push_back(stack_.size());
        return;
      case kPop:
        Pop();
        return;
      case kNone:
        Push(Kind::kNone);
        return;
      case kNewTrue:
        Push(Kind::kBool)->integer = 1;
        return;
      case kNewFalse:
        Push(Kind::kBool);
        return;
      case kBinInt:
        PushInteger(static_cast<int32_t>(TakeInteger(4)));
        return;
      case kBinInt1:
        PushInteger(static_cast<int64_t>(TakeInteger(1)));
        return;
      case kBinInt2:
        PushInteger(static_cast<int64_t>(TakeInteger(2)));
        return;
      case kLong1:
        PushLong(TakeInteger(1));
        return;
      case kBinFloat:
        PushFloat();
        return;
      case kBinUnicode:
      case kBinString:
        PushText(Take(TakeInteger(4)));
        return;
      case kShortBinUnicode:
      case kShortBinString:
        PushText(Take(TakeInteger(1)));
        return;
      case kBinUnicode8:
        PushText(Take(TakeInteger(8)));
        return;
      case kBinBytes:
        PushBytes(Take(TakeInteger(4)));
        return;
      case kShortBinBytes:
        PushBytes(Take(TakeInteger(1)));
        return;
      case kBinBytes8:
      case kByteArray8:
        PushBytes(Take(TakeInteger(8)));
        return;
      case kEmptyList:
        Push(Kind::kList);
        return;
      case kEmptyDict:
        Push(Kind::kDict);
        return;
      case kEmptyTuple:
        Push(Kind::kTuple);
        return;
      case kTuple:
        PushTuple(PopToMark());
        return;
      case kTuple1:
        PushTuple(PopSeveral(1));
        return;
      case kTuple2:
        PushTuple(PopSeveral(2));
        return;
      case kTuple3:
        PushTuple(PopSeveral(3));
        return;
      case kAppend:
        AddTo(Kind::kList, PopSeveral(1));
        return;
      case kAppends:
        AddTo(Kind::kList, PopToMark());
        return;
      case kSetItem:
        AddTo(Kind::kDict, PopSeveral(2));
        return;
      case kSetItems:
        AddTo(Kind::kDict, PopToMark());
        return;
      case kBinPut:
        Remember(TakeInteger(1));
        return;
      case kLongBinPut:
        Remember(TakeInteger(4));
        return;
      case kMemoize:
        Remember(memo_.size());
        return;
      case kBinGet:
        PushMemo(TakeInteger(1));
        return;
      case kLongBinGet:
        PushMemo(TakeInteger(4));
        return;
      case kGlobal:
        PushNamedGlobal();
        return;
      case kStackGlobal:
        PushStackGlobal();
        return;
      case kReduce:
      case kNewObj:
        PushCall();
        return;
      case kBuild:
        PushState();
        return;
      case kBinPersId:
        PushPersistent();
        return;
      default:
        Fail(absl::StrFormat("it holds the opcode 0x%02x, which is not read here", opcode));
        return;
    }
  }

  // What a dict gets so is passed over: a state dict's version numbers.
  void PushState() {
    const Pickled* state = Pop();
    Pickled* object = Top();
    if (object->kind == Kind::kCall) object->state = state;
  }
  void PushTuple(std::vector<const Pickled*> values) { Push(Kind::kTuple)->items = std::move(values); }
  void Remember(uint64_t place) {
    if (memo_.size() >= kMaxValues) return Fail("it remembers more than a million values");
    memo_[place] = Top();
  }
  void PushNamedGlobal() {
    const std::string_view module = TakeLine();
    const std::string_view name = TakeLine();
    PushGlobal(std::string(module) + "." + std::string(name));
  }
  void PushStackGlobal() {
    const Pickled* name = Pop();
    const Pickled* module = Pop();
    PushGlobal(module->text + "." + name->text);
  }
  void PushPersistent() {
    const Pickled* id = Pop();
    Push(Kind::kPersistent)->items = {id};
  }

  std::string_view bytes_;
  const std::vector<std::string_view>& allowed_;
  Pickle& pickle_;
  size_t position_ = 0;
  size_t copied_ = 0;  // entries of dicts that were copied from lists
  absl::Status error_;
  std::vector<Pickled*> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::map<uint64_t, Pickled*> memo_;
};

bool Pickled::IsCallOf(std::string_view function) const {
  return kind == Kind::kCall && items[0]->text == function;
}

const Pickled* Pickled::Find(std::string_view key) const {
  for (size_t i = 0; kind == Kind::kDict && i + 1 < items.size(); i += 2) {
    if (items[i]->kind == Kind::kString && items[i]->text == key) return items[i + 1];
  }
  return nullptr;
}

absl::StatusOr<Pickle> Pickle::Parse(std::string_view bytes, const std::vector<std::string_view>& allowed) {
  Pickle pickle;
  if (absl::Status status = PickleParser(bytes, allowed, pickle).Run(); !status.ok()) return status;
  return pickle;
}

}  // namespace loupe
