#include "worker/detection/roi_heads.h"

#include <torch/types.h>

#include <algorithm>

#include "worker/detection/losses.h"
#include "worker/detection/matcher.h"
#include "worker/detection/parallel.h"
#include "worker/detection/positive_quality.h"
#include "worker/detection/postprocess.h"
#include "worker/detection/roi_align.h"
#include "worker/detection/sampler.h"

namespace loupe::detection {
namespace {

// The proposals of one image that the losses see.
struct TrainingSample {
  torch::Tensor proposals;  // [M, 4]
  torch::Tensor labels;     // [M] int64, 0 for background
  torch::Tensor truth;      // [positives, 4], truth box of each proposal with a label above 0, in their order
};

TrainingSample SampleProposals(const torch::Tensor& proposals, const Target& target,
                               const v1::Detector& config) {
  const auto candidates = torch::cat({proposals, target.boxes});
  auto matches =
      Match(target.boxes, candidates, {config.box_foreground_iou(), config.box_background_iou(), false});
  IgnoreRegions(target.ignore_boxes, candidates, config.ignore_overlap(), matches);
  // Another seed than that of the anchors, so that the two draws are independent.
  const Sample sample = SampleBalanced(matches, config.box_samples_per_image(),
                                       config.box_positive_fraction(), target.sampling_seed + 1);
  const auto positives = candidates.index_select(0, sample.positives);
  const auto matched = matches.index_select(0, sample.positives);
  const auto truth = target.boxes.index_select(0, matched);
  return {torch::cat({positives, candidates.index_select(0, sample.negatives)}),
          torch::cat({target.labels.index_select(0, matched), torch::zeros_like(sample.negatives)}), truth};
}

// Index [P] of each proposal's image.
torch::Tensor ImageIndices(const std::vector<torch::Tensor>& proposals) {
  std::vector<torch::Tensor> indices;
  for (size_t i = 0; i < proposals.size(); ++i) {
    indices.push_back(torch::full({proposals[i].size(0)}, static_cast<int64_t>(i),
                                  proposals[i].options().dtype(torch::kInt64)));
  }
  return torch::cat(indices);
}

std::vector<int64_t> Counts(const std::vector<torch::Tensor>& tensors) {
  std::vector<int64_t> counts;
  for (const auto& tensor : tensors) counts.push_back(tensor.size(0));
  return counts;
}

}  // namespace

RoiHeads::RoiHeads(const v1::Detector& config, const std::vector<int64_t>& strides, int64_t num_classes)
    : config_(config),
      strides_(strides),
      box_coder_(config.box_delta_weights()),
      projection_(EmbeddingProjection(config.box_head_width(), config.embedding_width())),
      box_head_(std::make_shared<BoxHead>(config.fpn_channels(), config.roi_output_size(),
                                          config.box_head_width())),
      box_predictor_(std::make_shared<BoxPredictor>(config, num_classes)) {
  register_module("box_head", box_head_);
  register_module("box_predictor", box_predictor_);
}

torch::Tensor RoiHeads::HeadFeatures(const std::vector<torch::Tensor>& features,
                                     const std::vector<torch::Tensor>& proposals) {
  std::vector<torch::Tensor> pooled_levels;
  for (size_t i = 0; i < strides_.size(); ++i) pooled_levels.push_back(features[i].to(torch::kFloat32));
  const auto boxes = torch::cat(proposals);
  const Rois rois{boxes, ImageIndices(proposals), PyramidLevels(boxes, strides_, config_)};
  const auto pooled =
      MultiScaleRoiAlign(pooled_levels, strides_, rois,
                         {config_.roi_output_size(), config_.roi_sampling_ratio(), config_.roi_aligned()});
  return box_head_->Forward(pooled.to(features.front().scalar_type()));
}

std::vector<Detections> RoiHeads::Detect(const std::vector<torch::Tensor>& features,
                                         const std::vector<torch::Tensor>& proposals, const Batch& batch,
                                         const DetectOptions& options) {
  const auto counts = Counts(proposals);
  const auto head_features = HeadFeatures(features, proposals);
  const auto [logits, deltas] = box_predictor_->Forward(head_features);
  const auto boxes = box_coder_.Decode(deltas, torch::cat(proposals)).split_with_sizes(counts);
  const auto probabilities = torch::softmax(logits, 1).split_with_sizes(counts);
  const auto image_features = head_features.split_with_sizes(counts);
  const auto projection = projection_.to(head_features.device());
  std::vector<Detections> detections(proposals.size());
  ParallelFor(static_cast<int64_t>(proposals.size()), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    torch::NoGradGuard no_grad_in_thread;
    for (int64_t i = begin; i < end; ++i) {
      detections[i] = SelectDetections({boxes[i], probabilities[i], image_features[i]}, batch.sizes[i],
                                       config_, options, projection);
    }
  });
  return detections;
}

std::vector<torch::Tensor> RoiHeads::Classify(const std::vector<torch::Tensor>& features,
                                              const std::vector<Target>& targets) {
  std::vector<torch::Tensor> boxes;
  for (const Target& target : targets) boxes.push_back(target.boxes);
  const torch::Tensor logits = box_predictor_->Forward(HeadFeatures(features, boxes)).logits;
  return torch::softmax(logits, 1).split_with_sizes(Counts(boxes));
}

RoiHeads::BoxLosses RoiHeads::ComputeLosses(const std::vector<torch::Tensor>& features,
                                            const std::vector<torch::Tensor>& proposals,
                                            const std::vector<Target>& targets) {
  std::vector<torch::Tensor> sampled, labels, truth;
  for (size_t i = 0; i < targets.size(); ++i) {
    const TrainingSample sample = SampleProposals(proposals[i], targets[i], config_);
    sampled.push_back(sample.proposals);
    labels.push_back(sample.labels);
    truth.push_back(sample.truth);
  }
  const auto all_labels = torch::cat(labels);
  const auto [logits, deltas] = box_predictor_->Forward(HeadFeatures(features, sampled));
  const auto positive = all_labels.gt(0).nonzero().squeeze(1);
  const auto positive_labels = all_labels.index_select(0, positive);
  const auto box_of = config_.class_agnostic_boxes() ? torch::zeros_like(positive_labels) : positive_labels;
  const auto positive_deltas = deltas.view({deltas.size(0), deltas.size(1) / 4, 4}).index({positive, box_of});
  const auto positive_proposals = torch::cat(sampled).index_select(0, positive);
  const auto all_truth = torch::cat(truth);
  torch::Tensor positive_quality;
  {
    torch::NoGradGuard no_grad;
    const auto chances = torch::softmax(logits.index_select(0, positive), 1);
    const auto boxes = box_coder_.Decode(positive_deltas, positive_proposals);
    positive_quality = PositiveQuality(chances.gather(1, positive_labels.unsqueeze(1)).squeeze(1),
                                       boxes.squeeze(1), all_truth, positive_labels, logits.size(1) - 1);
  }
  const int64_t proposal_count = all_labels.size(0);
  const auto count = static_cast<double>(std::max<int64_t>(1, proposal_count));
  const auto boxes = SumBoxLoss({config_.box_loss(), config_.box_smooth_l1_beta()}, box_coder_,
                                positive_deltas, positive_proposals, all_truth);
  return {torch::cross_entropy_loss(logits, all_labels, {}, at::Reduction::Sum) / count,
          boxes * (config_.box_loss_weight() / count), proposal_count, positive_quality};
}

}  // namespace loupe::detection
