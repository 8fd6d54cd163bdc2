// Reads Python's pickle format as data: nothing in it is imported or called.
// Source: https://docs.python.org/3/library/pickletools.html (opcodes of protocols 0 to 5 that PyTorch and
// NumPy write).

#ifndef LOUPE_WORKER_PICKLE_H_
#define LOUPE_WORKER_PICKLE_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe {

// A value of a pickle. Containers may hold each other, or themselves, in a hostile file.
struct Pickled {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,
    kBytes,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kPersistent,
    kCall
  };

  Kind kind = Kind::kNone;
  int64_t integer = 0;     // kInt, and kBool as 0 or 1
  double real = 0;         // kFloat
  std::string text;        // kString; kGlobal as "module.name"
  std::string_view bytes;  // kBytes, in what was parsed
  // Tuple or list: the entries. Dict: keys and values in turn. Persistent object: its id. Call: the callable
  // and its arguments, a tuple.
  std::vector<const Pickled*> items;
  const Pickled* state = nullptr;  // what a call's object gets after it is made; null: nothing

  // The value of `key` in a dict; null when there is none.
  const Pickled* Find(std::string_view key) const;
  // Whether it is a call of the global `function`.
  bool IsCallOf(std::string_view function) const;
};

class Pickle {
 public:
  // `allowed` lists the globals that may appear, as "module.name".
  // Errors: INVALID_ARGUMENT for a pickle that is cut short or malformed, has an unknown opcode, has another
  // global, which the message names, or holds more than a million values. `bytes` must outlive the result.
  static absl::StatusOr<Pickle> Parse(std::string_view bytes, const std::vector<std::string_view>& allowed);

  const Pickled& root() const { return *root_; }
  // Every value, also those that no other holds.
  const std::deque<Pickled>& values() const { return values_; }
  // Its length in what was parsed.
  size_t bytes() const { return bytes_; }

 private:
  friend class PickleParser;
  std::deque<Pickled> values_;
  const Pickled* root_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace loupe

#endif  // LOUPE_WORKER_PICKLE_H_
