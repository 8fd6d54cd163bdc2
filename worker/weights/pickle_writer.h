// Writes pickles of protocol 2, with the opcodes that a state dict needs.

#ifndef LOUPE_WORKER_PICKLE_WRITER_H_
#define LOUPE_WORKER_PICKLE_WRITER_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace loupe {

class PickleWriter {
 public:
  PickleWriter() { text_ = "\x80\x02"; }

  PickleWriter& Raw(std::string_view opcodes) {
    text_ += opcodes;
    return *this;
  }
  PickleWriter& Global(std::string_view name) {
    const size_t dot = name.rfind('.');
    text_ += 'c';
    text_ += name.substr(0, dot);
    text_ += '\n';
    text_ += name.substr(dot + 1);
    text_ += '\n';
    return *this;
  }
  PickleWriter& Text(std::string_view value) {
    text_ += 'X';
    LittleEndian(value.size(), 4);
    text_ += value;
    return *this;
  }
  PickleWriter& Integer(int64_t value) {
    text_ += "\x8a\x08";
    LittleEndian(static_cast<uint64_t>(value), 8);
    return *this;
  }
  PickleWriter& Integers(std::span<const int64_t> values) {
    text_ += '(';
    for (const int64_t value : values) Integer(value);
    text_ += 't';
    return *this;
  }
  PickleWriter& OrderedDict() { return Global("collections.OrderedDict").Raw(")R"); }

  std::string Finish() { return std::move(Raw(".").text_); }

 private:
  void LittleEndian(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) text_ += static_cast<char>(value >> (8 * i) & 0xff);
  }

  std::string text_;
};

}  // namespace loupe

#endif  // LOUPE_WORKER_PICKLE_WRITER_H_
