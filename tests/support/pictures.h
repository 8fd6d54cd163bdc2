// Small real pictures.
#pragma once

#include <cstdint>
#include <string>

namespace loupe {

// A grey PNG whose pixels, and so its bytes, depend on `number`.
std::string MakePng(uint32_t width, uint32_t height, uint32_t number);

}  // namespace loupe
