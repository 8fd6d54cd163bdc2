#include "worker/detection/anchors.h"

#include <torch/types.h>

#include <algorithm>

namespace loupe::detection {
namespace {

// Anchors [ratios * sizes, 4] around 0. The outer loop is over ratios, as in torchvision.
torch::Tensor CellAnchors(const std::vector<float>& sizes, const std::vector<float>& ratios, bool rounded) {
  const auto side = torch::tensor(sizes);
  const auto height_factor = torch::sqrt(torch::tensor(ratios)).unsqueeze(1);
  const auto widths = ((1 / height_factor) * side).view(-1);
  const auto heights = (height_factor * side).view(-1);
  const auto anchors = torch::stack({-widths, -heights, widths, heights}, 1) / 2;
  return rounded ? anchors.round() : anchors;
}

// `stride`: rows and columns of pixels between two cells.
torch::Tensor GridAnchors(ImageSize grid, ImageSize stride, float offset, const torch::Tensor& cell_anchors) {
  const auto places = [offset](int64_t cells, int64_t pixels) {
    return (torch::arange(cells, torch::kFloat32) + offset) * pixels;
  };
  const auto columns = places(grid.width, stride.width);
  const auto rows = places(grid.height, stride.height);
  const auto x = columns.unsqueeze(0).expand({grid.height, grid.width});
  const auto y = rows.unsqueeze(1).expand({grid.height, grid.width});
  const auto shifts = torch::stack({x, y, x, y}, 2).view({-1, 1, 4});
  return (shifts + cell_anchors.unsqueeze(0)).view({-1, 4});
}

bool SameSize(ImageSize first, ImageSize second) {
  return first.height == second.height && first.width == second.width;
}

}  // namespace

AnchorGenerator::AnchorGenerator(const v1::Detector& config)
    : strides_(config.anchor_strides().begin(), config.anchor_strides().end()),
      offset_(config.anchor_offset()) {
  const std::vector<float> ratios(config.anchor_ratios().begin(), config.anchor_ratios().end());
  for (const auto& level : config.anchor_levels()) {
    const std::vector<float> sizes(level.sizes().begin(), level.sizes().end());
    cell_anchors_.push_back(CellAnchors(sizes, ratios, config.anchors_rounded()));
  }
}

const std::vector<torch::Tensor>& AnchorGenerator::Generate(const std::vector<ImageSize>& grids,
                                                            ImageSize padded, torch::Device device) {
  TORCH_CHECK(grids.size() == cell_anchors_.size(), "anchor sizes are given for ", cell_anchors_.size(),
              " pyramid levels, but the backbone has ", grids.size());
  const bool kept = SameSize(padded, padded_) && anchors_.front().device() == device &&
                    std::equal(grids.begin(), grids.end(), grids_.begin(), grids_.end(), SameSize);
  if (!kept) {
    anchors_.clear();
    for (size_t level = 0; level < grids.size(); ++level) {
      const auto& grid = grids[level];
      const ImageSize stride = strides_.empty()
                                   ? ImageSize{padded.height / grid.height, padded.width / grid.width}
                                   : ImageSize{strides_[level], strides_[level]};
      anchors_.push_back(GridAnchors(grid, stride, offset_, cell_anchors_[level]).to(device));
    }
    grids_ = grids;
    padded_ = padded;
  }
  return anchors_;
}

}  // namespace loupe::detection
