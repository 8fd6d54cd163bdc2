// Identifiers of rows: one type per table, so that they can't be mixed up.
#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace loupe {

// 0 means no row: identities count from 1.
template <typename Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(int64_t value) : value_(value) {}

  constexpr int64_t value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }

  friend constexpr auto operator<=>(Id, Id) = default;
  template <typename H>
  friend H AbslHashValue(H state, Id id) {
    return H::combine(std::move(state), id.value_);
  }

 private:
  int64_t value_ = 0;
};

using PrincipalId = Id<struct PrincipalTag>;
using SessionId = Id<struct SessionTag>;
using ProjectId = Id<struct ProjectTag>;
using ImageId = Id<struct ImageTag>;
using SnapshotId = Id<struct SnapshotTag>;
using RoundId = Id<struct RoundTag>;
using JobId = Id<struct JobTag>;
using ModelId = Id<struct ModelTag>;
using RankingId = Id<struct RankingTag>;
using TaskId = Id<struct TaskTag>;
using RevisionId = Id<struct RevisionTag>;
using WithdrawalId = Id<struct WithdrawalTag>;
// The number of a lease. Every write under the lease carries it.
using LeaseNumber = Id<struct LeaseTag>;

}  // namespace loupe
