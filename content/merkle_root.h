// The root of a Merkle tree, as in RFC 6962: its leaves can be shown one by one to belong to it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "content/sha256.h"

namespace loupe {

class MerkleRoot {
 public:
  void Add(std::string_view leaf);
  uint64_t leaves() const { return leaves_; }
  // Of no leaves: the hash of nothing.
  Sha256 Root() const;

 private:
  uint64_t leaves_ = 0;
  std::vector<Sha256> whole_;  // roots of the largest whole subtrees, from left to right
};

}  // namespace loupe
