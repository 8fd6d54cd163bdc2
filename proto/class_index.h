// Labels and class indices.
//
// label: a class's number in its project, from 1; 0 is never a class. class_index: the place of the class,
// from 0, in arrays of a project's classes, which are in order of label.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loupe {

// Requires: label >= 1.
constexpr size_t ClassIndexOf(uint32_t label) { return size_t{label} - 1; }

constexpr uint32_t LabelOf(size_t class_index) { return static_cast<uint32_t>(class_index) + 1; }

}  // namespace loupe
