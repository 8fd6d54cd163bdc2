#include "worker/detection/losses.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/worker/detection/torchvision.h"

namespace loupe::detection {
namespace {

TEST(BoxLossTest, LossesOfBoxesAreTorchvisions) {
  const TensorMap all = WithPrefix(TorchvisionOps(), "losses.");
  const BoxCoder coder({1, 1, 1, 1});
  const auto anchors = torch::tensor({{3.f, 4.f, 23.f, 44.f}}).expand({all.at("boxes").size(0), 4});
  for (const auto& [kind, name] :
       {std::pair{v1::Detector::GIOU, "giou"}, std::pair{v1::Detector::DIOU, "diou"},
        std::pair{v1::Detector::CIOU, "ciou"}}) {
    SCOPED_TRACE(name);
    // From deltas to the boxes, whose gradient is known.
    auto deltas = coder.Encode(all.at("boxes"), anchors).requires_grad_();
    const auto loss = SumBoxLoss({kind, 0}, coder, deltas, anchors, all.at("truth"));
    EXPECT_NEAR(loss.item<double>(), all.at(name).item<double>(), 1e-3);
    loss.backward();
    auto again = deltas.detach().clone().requires_grad_();
    coder.Decode(again, anchors).squeeze(1).backward(all.at(std::string(name) + ".gradient"));
    EXPECT_TRUE(torch::allclose(deltas.grad(), again.grad(), 1e-3, 1e-3));
  }
}

TEST(BoxLossTest, ABetaOfZeroIsTheAbsoluteDifference) {
  const BoxCoder coder({1, 1, 1, 1});
  const auto anchors = torch::tensor({{0.f, 0.f, 10.f, 10.f}});
  const auto deltas = torch::tensor({{0.25f, -0.5f, 0.f, 0.f}});
  EXPECT_NEAR(SumBoxLoss({v1::Detector::SMOOTH_L1, 0}, coder, deltas, anchors, anchors).item<double>(), 0.75,
              1e-6);
  // Below beta: half the square over beta.
  EXPECT_NEAR(SumBoxLoss({v1::Detector::SMOOTH_L1, 1}, coder, deltas, anchors, anchors).item<double>(),
              (0.0625 + 0.25) / 2, 1e-6);
}

TEST(BoxLossTest, NoBoxesHaveNoLoss) {
  const BoxCoder coder({1, 1, 1, 1});
  const auto none = torch::empty({0, 4});
  for (const auto kind : {v1::Detector::SMOOTH_L1, v1::Detector::GIOU, v1::Detector::CIOU}) {
    EXPECT_EQ(SumBoxLoss({kind, 0}, coder, none, none, none).item<double>(), 0);
  }
}

}  // namespace
}  // namespace loupe::detection
