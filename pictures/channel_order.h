// The order of the three levels of a pixel.
#pragma once

namespace loupe {

enum class ChannelOrder {
  kRedFirst,
  kBlueFirst,  // as OpenCV's encoders take it
};

}  // namespace loupe
