// The coordinator's key for checkpoints: Ed25519 (RFC 8032), in a file beside the database and not in it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_pkey_st;

namespace loupe {

class CheckpointKey {
 public:
  // Reads the key, PEM; makes it, readable by its user alone, if the file is missing, and logs that.
  // Errors: FAILED_PRECONDITION (the file can't be read or written, is a link to nothing, is open to others
  // than its user, or holds another kind of key).
  static absl::StatusOr<CheckpointKey> Open(const std::filesystem::path& file);

  // 64 bytes.
  std::string Sign(std::string_view text) const;
  bool Verify(std::string_view text, std::string_view signature) const;
  // 32 bytes.
  std::string PublicKey() const;

 private:
  struct Freed {
    void operator()(evp_pkey_st* key) const;
  };
  explicit CheckpointKey(evp_pkey_st* key) : key_(key) {}

  std::unique_ptr<evp_pkey_st, Freed> key_;  // OpenSSL's EVP_PKEY
};

}  // namespace loupe
