#include "tests/support/pictures.h"

#include <zlib.h>

#include <random>
#include <stdexcept>

namespace loupe {
namespace {

std::string BigEndian(uint32_t value) {
  return {static_cast<char>(value >> 24U), static_cast<char>(value >> 16U), static_cast<char>(value >> 8U),
          static_cast<char>(value)};
}

std::string Chunk(const std::string& type, const std::string& data) {
  const std::string checked = type + data;
  const auto sum =
      crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
  return BigEndian(static_cast<uint32_t>(data.size())) + checked + BigEndian(static_cast<uint32_t>(sum));
}

}  // namespace

std::string MakePng(uint32_t width, uint32_t height, uint32_t number) {
  std::mt19937 random(number);
  std::string rows;
  for (uint32_t y = 0; y < height; ++y) {
    rows += '\0';  // no filter
    for (uint32_t x = 0; x < width; ++x) rows += static_cast<char>(random());
  }
  std::string packed(compressBound(rows.size()), '\0');
  uLongf size = packed.size();
  if (compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
               rows.size()) != Z_OK) {
    throw std::runtime_error("compress");
  }
  packed.resize(size);
  const std::string header = BigEndian(width) + BigEndian(height) + std::string("\x08\0\0\0\0", 5);
  return std::string("\x89PNG\r\n\x1a\n", 8) + Chunk("IHDR", header) + Chunk("IDAT", packed) +
         Chunk("IEND", "");
}

}  // namespace loupe
