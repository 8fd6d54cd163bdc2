#include "server/provenance/checkpoint_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <new>
#include <system_error>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "content/read_file.h"
#include "server/blobs/small_file.h"

namespace loupe {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using MdContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* Unsigned(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

MdContext NewContext() { return {EVP_MD_CTX_new(), EVP_MD_CTX_free}; }

std::string PemOf(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    throw std::bad_alloc();
  }
  char* text = nullptr;
  const auto length = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<size_t>(length)};
}

}  // namespace

void CheckpointKey::Freed::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

absl::StatusOr<CheckpointKey> CheckpointKey::Open(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::symlink_status(file, error).type() == std::filesystem::file_type::not_found) {
    CheckpointKey made(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (made.key_ == nullptr) return absl::FailedPreconditionError("OpenSSL makes no Ed25519 key");
    if (const absl::Status kept = WriteWhole(file, PemOf(made.key_.get()), 0600); !kept.ok()) return kept;
    spdlog::warn("{} was missing and is new: checkpoints that another key signed are refused", file.string());
    return made;
  }
  const std::filesystem::perms mode = std::filesystem::status(file, error).permissions();
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat(
        file.string(), " leads to no file: put the key there, or move the link away and get a new key"));
  }
  constexpr auto kOthers = std::filesystem::perms::group_all | std::filesystem::perms::others_all;
  if ((mode & kOthers) != std::filesystem::perms::none) {
    return absl::FailedPreconditionError(absl::StrCat(
        "others may use ", file.string(), ", which signs checkpoints: run `chmod 600 ", file.string(), "`"));
  }
  const absl::StatusOr<std::string> pem = ReadFile(file);
  if (!pem.ok()) return pem.status();
  const Bio bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())), BIO_free);
  CheckpointKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key.key_ == nullptr || EVP_PKEY_get_id(key.key_.get()) != EVP_PKEY_ED25519) {
    return absl::FailedPreconditionError(absl::StrCat(
        file.string(), " holds no Ed25519 key: put the right one there, or move it away and get a new one"));
  }
  return key;
}

std::string CheckpointKey::Sign(std::string_view text) const {
  std::array<unsigned char, 64> signature;
  size_t length = signature.size();
  const MdContext context = NewContext();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &length, Unsigned(text), text.size()) != 1) {
    throw std::bad_alloc();
  }
  return {signature.begin(), signature.end()};
}

bool CheckpointKey::Verify(std::string_view text, std::string_view signature) const {
  const MdContext context = NewContext();
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), Unsigned(signature), signature.size(), Unsigned(text),
                          text.size()) == 1;
}

std::string CheckpointKey::PublicKey() const {
  std::array<unsigned char, 32> bytes;
  size_t length = bytes.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &length) != 1) throw std::bad_alloc();
  return {bytes.begin(), bytes.end()};
}

}  // namespace loupe
