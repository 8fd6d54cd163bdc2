// Labels count from 1 (0 is never a class); indices into arrays of classes count from 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loupe {

// Requires: label >= 1.
constexpr size_t ClassIndexOf(uint32_t label) { return label - 1; }

constexpr uint32_t LabelOf(size_t class_index) { return static_cast<uint32_t>(class_index) + 1; }

}  // namespace loupe
