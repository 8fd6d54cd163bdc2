#include "worker/detection/matcher.h"

#include <algorithm>
#include <vector>

#include "worker/detection/boxes.h"
#include "worker/detection/kernel.h"

namespace loupe::detection {
namespace {

// IoU of one truth box with candidates [begin, end) into `iou`. The file is compiled without contraction into
// FMA, because the best IoU of a truth box is later found by equality.
LOUPE_CPU_KERNEL void IouRow(const float* truth, const float* candidates, int64_t begin, int64_t end,
                             float* iou) {
  const float x1 = truth[0], y1 = truth[1], x2 = truth[2], y2 = truth[3];
  const float area = (x2 - x1) * (y2 - y1);
  for (int64_t i = begin; i < end; ++i) {
    const float* box = candidates + 4 * i;
    const float width = std::max(0.0f, std::min(x2, box[2]) - std::max(x1, box[0]));
    const float height = std::max(0.0f, std::min(y2, box[3]) - std::max(y1, box[1]));
    const float intersection = width * height;
    const float other = (box[2] - box[0]) * (box[3] - box[1]);
    iou[i] = intersection / (area + other - intersection);
  }
}

torch::Tensor MatchCpu(const torch::Tensor& truth, const torch::Tensor& candidates,
                       const MatchOptions& options) {
  const auto truth_boxes = truth.contiguous();
  const auto boxes = candidates.contiguous();
  const int64_t truth_count = truth.size(0), count = boxes.size(0);
  std::vector<float> best(count, -1.0f), row(count);
  std::vector<int64_t> best_truth(count, 0);
  std::vector<uint8_t> restored(options.keep_best ? count : 0, 0);
  for (int64_t g = 0; g < truth_count; ++g) {
    IouRow(truth_boxes.data_ptr<float>() + 4 * g, boxes.data_ptr<float>(), 0, count, row.data());
    for (int64_t i = 0; i < count; ++i) {
      if (row[i] > best[i]) {
        best[i] = row[i];
        best_truth[i] = g;
      }
    }
    if (!options.keep_best || count == 0) continue;
    const float highest = *std::max_element(row.begin(), row.end());
    for (int64_t i = 0; i < count; ++i) restored[i] |= static_cast<uint8_t>(row[i] == highest);
  }
  auto matches = torch::empty({count}, torch::kInt64);
  int64_t* match = matches.data_ptr<int64_t>();
  const auto foreground = static_cast<float>(options.foreground_iou);
  const auto background = static_cast<float>(options.background_iou);
  for (int64_t i = 0; i < count; ++i) {
    const bool keep = best[i] >= foreground || (options.keep_best && restored[i]);
    match[i] = keep ? best_truth[i] : best[i] < background ? kBackground : kBetween;
  }
  return matches;
}

}  // namespace

torch::Tensor Match(const torch::Tensor& truth, const torch::Tensor& candidates,
                    const MatchOptions& options) {
  const bool cpu = candidates.is_cpu() && candidates.scalar_type() == torch::kFloat32;
  return cpu ? MatchCpu(truth, candidates, options) : MatchReference(truth, candidates, options);
}

torch::Tensor MatchReference(const torch::Tensor& truth, const torch::Tensor& candidates,
                             const MatchOptions& options) {
  const auto index_options = candidates.options().dtype(torch::kInt64);
  if (truth.size(0) == 0) return torch::full({candidates.size(0)}, kBackground, index_options);
  const auto iou = BoxIou(truth, candidates);
  const auto [best, best_truth] = iou.max(0);
  auto matches = best_truth.clone();
  matches.masked_fill_(best < options.foreground_iou, kBetween);
  matches.masked_fill_(best < options.background_iou, kBackground);
  if (!options.keep_best || candidates.size(0) == 0) return matches;
  const auto restored = iou.eq(std::get<0>(iou.max(1, /*keepdim=*/true))).any(0);
  return torch::where(restored, best_truth, matches);
}

void IgnoreRegions(const torch::Tensor& regions, const torch::Tensor& candidates, double overlap,
                   torch::Tensor& matches) {
  if (!regions.defined() || regions.size(0) == 0) return;
  const auto ignored = LargestCoverage(candidates, regions) >= overlap;
  matches.masked_fill_(ignored.logical_and(matches.eq(kBackground)), kBetween);
}

}  // namespace loupe::detection
