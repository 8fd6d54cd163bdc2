#include "server/ranking/sampling_key.h"

#include <string>

namespace loupe::ranking {
namespace {

double Key(std::string_view kind, uint64_t seed, std::string_view what) {
  std::string bytes(kind);
  for (unsigned shift = 0; shift < 64; shift += 8) bytes += static_cast<char>((seed >> shift) & 0xffU);
  bytes += what;
  const Sha256 hash = HashOf(bytes);
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = (number << 8U) | hash[i];
  return static_cast<double>(number >> 11U) * 0x1p-53;
}

}  // namespace

double SamplingKey(uint64_t project_seed, const Sha256& content) {
  return Key("image", project_seed, ToBytes(content));
}

double GroupSamplingKey(uint64_t project_seed, std::string_view group) {
  return Key("group", project_seed, group);
}

Side SideOf(uint64_t project_seed, const Sha256& content, std::string_view group, double holdout_fraction) {
  const double key =
      group.empty() ? SamplingKey(project_seed, content) : GroupSamplingKey(project_seed, group);
  return key < holdout_fraction ? Side::kHoldout : Side::kPool;
}

}  // namespace loupe::ranking
