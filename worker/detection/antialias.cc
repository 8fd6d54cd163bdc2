#include "worker/detection/antialias.h"

#include <torch/types.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "worker/detection/antialias_kernel.h"

namespace loupe::detection {
namespace {

constexpr int64_t kChannels = 3;

// One row of the picture as [W, 3].
template <typename Level, typename Row>
void CopyRow(const torch::Tensor& picture, int64_t row, Row* out) {
  const auto* levels = static_cast<const Level*>(picture.data_ptr()) + row * picture.stride(1);
  const int64_t width = picture.size(2), step = picture.stride(2), channel = picture.stride(0);
  if (sizeof(Level) == sizeof(Row) && channel == 1 && step == kChannels) {
    std::memcpy(out, levels, static_cast<size_t>(width * kChannels) * sizeof(Row));
    return;
  }
  for (int64_t x = 0; x < width; ++x) {
    const Level* pixel = levels + x * step;
    for (int64_t c = 0; c < kChannels; ++c) out[x * kChannels + c] = static_cast<Row>(pixel[c * channel]);
  }
}

// Row: uint8_t or float, the type of the result.
template <typename Level, typename Row>
torch::Tensor ResizeAs(const torch::Tensor& picture, ImageSize size, torch::ScalarType type) {
  const Cover across = MakeCover(picture.size(2), size.width);
  const Cover down = MakeCover(picture.size(1), size.height);
  const torch::Tensor resized = torch::empty({kChannels, size.height, size.width}, type);
  auto* out = static_cast<Row*>(resized.data_ptr());
  const int64_t length = kChannels * size.width;
  std::vector<Row> row(static_cast<size_t>(picture.size(2) * kChannels + kRowPadding));
  // Rows of the new width, by their number. The picture is never held at the new width as a whole.
  std::vector<Row> ring(static_cast<size_t>(down.most * length));
  std::vector<const Row*> lines(static_cast<size_t>(down.most));
  int64_t next = 0;  // the first row that isn't in the ring yet
  for (int64_t y = 0; y < size.height; ++y) {
    for (; next < down.first[y] + down.count[y]; ++next) {
      CopyRow<Level>(picture, next, row.data());
      ResizeRow(row.data(), across, size.width, ring.data() + next % down.most * length);
    }
    for (int64_t c = 0; c < kChannels; ++c) {
      for (int64_t i = 0; i < down.most; ++i) {
        lines[static_cast<size_t>(i)] =
            ring.data() + (down.first[y] + i) % down.most * length + c * size.width;
      }
      SumLines(lines.data(), down, y, size.width, out + (c * size.height + y) * size.width);
    }
  }
  return resized;
}

}  // namespace

torch::Tensor ResizeAntialiased(const torch::Tensor& picture, ImageSize size) {
  if (picture.dtype() == torch::kUInt8) return ResizeAs<uint8_t, uint8_t>(picture, size, torch::kUInt8);
  if (picture.dtype() == torch::kInt16) return ResizeAs<uint16_t, float>(picture, size, torch::kFloat32);
  return ResizeAs<float, float>(picture, size, torch::kFloat32);
}

}  // namespace loupe::detection
