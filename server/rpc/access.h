// The roles that may call each method, in one table. The .proto files say the same under "Who".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "loupe/v1/token.pb.h"

namespace loupe {

class RoleSet {
 public:
  constexpr RoleSet() = default;
  template <typename... Roles>
  constexpr explicit RoleSet(Roles... roles) : bits_((... | (1U << static_cast<uint32_t>(roles)))) {}

  constexpr bool Holds(v1::Role role) const { return (bits_ >> static_cast<uint32_t>(role) & 1U) != 0; }

 private:
  uint32_t bits_ = 0;
};

// `method` is service and method, e.g. `LabelingService.Submit`. nullopt for a method that is not in the
// table; nobody may call it.
std::optional<RoleSet> RolesOf(std::string_view method);

}  // namespace loupe
