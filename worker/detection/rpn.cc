#include "worker/detection/rpn.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <cmath>

#include "worker/detection/boxes.h"
#include "worker/detection/losses.h"
#include "worker/detection/matcher.h"
#include "worker/detection/nms.h"
#include "worker/detection/parallel.h"
#include "worker/detection/sampler.h"

namespace loupe::detection {
namespace {

// Minus infinity for 0.
double Logit(double probability) { return std::log(probability / (1 - probability)); }

ConvNorm HeadConv(int64_t in_channels, int64_t out_channels, int64_t kernel_size) {
  ConvNorm conv = MakeConv(in_channels, out_channels, kernel_size);
  torch::nn::init::normal_(conv.conv()->weight, 0, /*std=*/0.01);
  torch::nn::init::zeros_(conv.conv()->bias);
  return conv;
}

}  // namespace

RpnHead::RpnHead(int64_t channels, int64_t anchors_per_cell)
    : conv_(HeadConv(channels, channels, 3)),
      cls_logits_(HeadConv(channels, anchors_per_cell, 1)),
      bbox_pred_(HeadConv(channels, 4 * anchors_per_cell, 1)) {
  torch::nn::ModuleList layers;
  layers->push_back(torch::nn::ModuleList(conv_.conv()));
  register_module("conv", layers);
  register_module("cls_logits", cls_logits_.conv());
  register_module("bbox_pred", bbox_pred_.conv());
}

RpnLevel RpnHead::Forward(const torch::Tensor& level) const {
  const auto hidden = conv_.Forward(level, Activation::kRelu);
  const int64_t images = level.size(0);
  // The anchors of a cell become adjacent. For channels-last maps these are views.
  const auto logits = cls_logits_.Forward(hidden, Activation::kNone).permute({0, 2, 3, 1});
  const auto deltas = bbox_pred_.Forward(hidden, Activation::kNone).permute({0, 2, 3, 1});
  return {logits.reshape({images, -1}).to(torch::kFloat32),
          deltas.reshape({images, -1, 4}).to(torch::kFloat32),
          {level.size(2), level.size(3)}};
}

RegionProposalNetwork::RegionProposalNetwork(const v1::Detector& config)
    : config_(config),
      anchor_generator_(config),
      box_coder_(config.rpn_delta_weights()),
      head_(std::make_shared<RpnHead>(config.fpn_channels(), anchor_generator_.anchors_per_cell())) {
  register_module("head", head_);
}

RegionProposalNetwork::Output RegionProposalNetwork::Forward(const std::vector<torch::Tensor>& features,
                                                             const Batch& batch) {
  Output output;
  std::vector<ImageSize> grids;
  for (const auto& map : features) {
    output.levels.push_back(head_->Forward(map));
    grids.push_back(output.levels.back().grid);
  }
  output.anchors = anchor_generator_.Generate(grids, batch.padded(), batch.images.device());
  output.proposals = Propose(output.levels, output.anchors, batch);
  return output;
}

std::vector<torch::Tensor> RegionProposalNetwork::Propose(const std::vector<RpnLevel>& levels,
                                                          const std::vector<torch::Tensor>& anchors,
                                                          const Batch& batch) const {
  torch::NoGradGuard no_grad;
  const int64_t wanted = is_training() ? config_.rpn_pre_nms_top_n_train() : config_.rpn_pre_nms_top_n_test();
  const int64_t images = batch.images.size(0);
  std::vector<torch::Tensor> candidates, scores, level_ids;
  for (size_t level = 0; level < levels.size(); ++level) {
    const auto& [logits, deltas, grid] = levels[level];
    const int64_t count = std::min(wanted, logits.size(1));
    const auto [top_logits, top] = logits.detach().topk(count, 1);
    const auto index = top.unsqueeze(2).expand({images, count, 4});
    const auto top_deltas = deltas.detach().gather(1, index).view({-1, 4});
    const auto top_anchors = anchors[level].index_select(0, top.view(-1));
    candidates.push_back(box_coder_.Decode(top_deltas, top_anchors).view({images, count, 4}));
    // The sigmoid keeps the order, but rounds large logits to equal scores.
    scores.push_back(config_.rpn_ranked_by_logit() ? top_logits : torch::sigmoid(top_logits));
    level_ids.push_back(torch::full({count}, static_cast<int64_t>(level), top.options()));
  }
  const auto all_candidates = torch::cat(candidates, 1);
  const auto all_scores = torch::cat(scores, 1);
  const auto all_levels = torch::cat(level_ids);
  std::vector<torch::Tensor> proposals(images);
  ParallelFor(images, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    torch::NoGradGuard no_grad_in_thread;
    for (int64_t i = begin; i < end; ++i) {
      proposals[i] = FilterCandidates(all_candidates[i], all_scores[i], all_levels, batch.sizes[i]);
    }
  });
  return proposals;
}

torch::Tensor RegionProposalNetwork::FilterCandidates(const torch::Tensor& candidates,
                                                      const torch::Tensor& scores,
                                                      const torch::Tensor& levels, ImageSize image) const {
  const auto clipped = ClipBoxes(candidates, image);
  const double threshold = config_.rpn_score_threshold();
  const auto fit =
      LargeEnough(clipped, std::max(config_.rpn_min_side(), kSomeSide))
          .logical_and_(scores >= (config_.rpn_ranked_by_logit() ? Logit(threshold) : threshold));
  const auto members = fit.nonzero().squeeze(1);
  const auto boxes = clipped.index_select(0, members);
  const auto kept = GroupedNms(boxes, scores.index_select(0, members), levels.index_select(0, members),
                               config_.rpn_nms_threshold());
  const int64_t wanted =
      is_training() ? config_.rpn_post_nms_top_n_train() : config_.rpn_post_nms_top_n_test();
  return boxes.index_select(0, kept.slice(0, 0, wanted));
}

RegionProposalNetwork::RpnLosses RegionProposalNetwork::ComputeLosses(
    const Output& output, const std::vector<Target>& targets) const {
  std::vector<torch::Tensor> logits, deltas;
  for (const auto& level : output.levels) {
    logits.push_back(level.logits);
    deltas.push_back(level.deltas);
  }
  const auto all_logits = torch::cat(logits, 1).flatten();
  const auto all_deltas = torch::cat(deltas, 1).view({-1, 4});
  const auto anchors = torch::cat(output.anchors);
  const MatchOptions match_options{config_.rpn_foreground_iou(), config_.rpn_background_iou(),
                                   /*keep_best=*/true};

  std::vector<torch::Tensor> positives, negatives, truths, positive_anchors;
  for (size_t i = 0; i < targets.size(); ++i) {
    auto matches = Match(targets[i].boxes, anchors, match_options);
    IgnoreRegions(targets[i].ignore_boxes, anchors, config_.ignore_overlap(), matches);
    const Sample sample = SampleBalanced(matches, config_.rpn_samples_per_image(),
                                         config_.rpn_positive_fraction(), targets[i].sampling_seed);
    truths.push_back(targets[i].boxes.index_select(0, matches.index_select(0, sample.positives)));
    positive_anchors.push_back(anchors.index_select(0, sample.positives));
    const int64_t offset = static_cast<int64_t>(i) * anchors.size(0);
    positives.push_back(sample.positives + offset);
    negatives.push_back(sample.negatives + offset);
  }
  const auto positive = torch::cat(positives);
  const auto negative = torch::cat(negatives);
  const auto sampled = torch::cat({positive, negative});
  const auto labels = torch::cat({torch::ones({positive.size(0)}, anchors.options()),
                                  torch::zeros({negative.size(0)}, anchors.options())});
  const auto sampled_logits = all_logits.index_select(0, sampled);
  const int64_t limit = int64_t{config_.rpn_samples_per_image()} * static_cast<int64_t>(targets.size());
  const int64_t anchor_count = config_.rpn_loss_by_limit() ? limit : sampled.size(0);
  const auto count = static_cast<double>(std::max<int64_t>(1, anchor_count));
  const auto objectness =
      torch::binary_cross_entropy_with_logits(sampled_logits, labels, {}, {}, at::Reduction::Sum);
  const auto boxes =
      SumBoxLoss({config_.rpn_box_loss(), config_.rpn_smooth_l1_beta()}, box_coder_,
                 all_deltas.index_select(0, positive), torch::cat(positive_anchors), torch::cat(truths));
  return {objectness * (config_.rpn_objectness_loss_weight() / count),
          boxes * (config_.rpn_box_loss_weight() / count), anchor_count};
}

}  // namespace loupe::detection
