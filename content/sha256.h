// SHA-256 of a file's bytes, which is the name of a picture or a weight file everywhere in the system.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace loupe {

// 32 raw bytes. Its text form is 64 lower-case hexadecimal digits.
using Sha256 = std::array<uint8_t, 32>;

Sha256 HashOf(std::string_view bytes);

// Lower-case hexadecimal, 64 characters.
std::string ToHex(const Sha256& hash);

// The 32 raw bytes as a string, which is the form in the protocol and in SQL.
std::string ToBytes(const Sha256& hash);

// Accepts lower and upper case. Errors: nullopt when `hex` is not 64 hexadecimal digits.
std::optional<Sha256> ParseHex(std::string_view hex);

// Errors: nullopt when `bytes` is not 32 bytes long.
std::optional<Sha256> FromBytes(std::string_view bytes);

// Hashes a stream piece by piece. Call Finish() once, at the end.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;

  void Update(std::string_view bytes);
  Sha256 Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace loupe
