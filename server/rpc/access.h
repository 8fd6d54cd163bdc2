// Which roles may call which method. The same as the "Who" in the comments of the .proto files, and /metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

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

// `method`: service and method, e.g. `LabelingService.Submit`. nullopt: the method is not in the table, and
// nobody may call it.
std::optional<RoleSet> RolesOf(std::string_view method);

// Every method of the table, in no order. The texts last for ever.
std::vector<std::string_view> AllMethods();

}  // namespace loupe
