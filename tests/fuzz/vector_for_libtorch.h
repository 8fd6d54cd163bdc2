// <vector> as C++17 has it, included before everything else where clang compiles: LibTorch 1.13 holds vectors
// of a type that is declared only later, which clang refuses once their members are constexpr, as they are
// since C++20.
#pragma once

#include <memory>
#include <string>

#pragma push_macro("_GLIBCXX20_CONSTEXPR")
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
// <string> has declared this one, which fills ranges of vector<bool>, as constexpr; nothing here does that.
#define __fill_a1 __fill_bits
#include <vector>
#undef __fill_a1
#pragma pop_macro("_GLIBCXX20_CONSTEXPR")
