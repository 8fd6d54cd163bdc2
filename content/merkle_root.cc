#include "content/merkle_root.h"

#include <bit>
#include <string>

namespace loupe {
namespace {

Sha256 HashOfNode(const Sha256& left, const Sha256& right) {
  return HashOf("\x01" + ToBytes(left) + ToBytes(right));
}

}  // namespace

void MerkleRoot::Add(std::string_view leaf) {
  std::string bytes(1, '\0');
  bytes += leaf;
  Sha256 hash = HashOf(bytes);
  // A subtree is whole as often as the count before ends with a bit that is set.
  for (int merges = std::countr_one(leaves_); merges > 0; --merges) {
    hash = HashOfNode(whole_.back(), hash);
    whole_.pop_back();
  }
  whole_.push_back(hash);
  ++leaves_;
}

Sha256 MerkleRoot::Root() const {
  if (whole_.empty()) return HashOf("");
  Sha256 root = whole_.back();
  for (size_t i = whole_.size() - 1; i > 0; --i) root = HashOfNode(whole_[i - 1], root);
  return root;
}

}  // namespace loupe
