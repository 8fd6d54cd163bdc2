// Feature pyramid network: maps of one width at several strides. Source: Lin et al. 2017.

#ifndef LOUPE_WORKER_DETECTION_FPN_H_
#define LOUPE_WORKER_DETECTION_FPN_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/backbone.h"
#include "worker/detection/conv_norm.h"
#include "worker/detection/transform.h"

namespace loupe::detection {

class FeaturePyramid : public torch::nn::Module {
 public:
  // Reads fpn_channels and fpn_average.
  FeaturePyramid(const v1::Detector& config, const std::vector<int64_t>& in_channels);

  // Pyramid levels [N, out_channels, …], finest first: one per map, then the pooled level: every other row
  // and column of the coarsest.
  std::vector<torch::Tensor> Forward(const std::vector<torch::Tensor>& maps) const;

 private:
  bool average_;
  std::vector<ConvNorm> inner_;  // 1x1, to the pyramid's width
  std::vector<ConvNorm> layer_;  // 3x3, after the coarser level has been added
};

// The backbone with the pyramid on top.
class BackboneWithFpn : public torch::nn::Module {
 public:
  explicit BackboneWithFpn(const v1::Detector& config);

  // Pyramid levels, finest first.
  std::vector<torch::Tensor> Forward(const Batch& batch);

  Backbone& body() const { return *body_; }

  // Strides of the levels that RoIAlign reads: all but the pooled level.
  const std::vector<int64_t>& strides() const { return body_->strides(); }

 private:
  std::shared_ptr<Backbone> body_;
  std::shared_ptr<FeaturePyramid> fpn_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_FPN_H_
