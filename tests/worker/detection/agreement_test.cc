#include "worker/detection/agreement.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace loupe::detection {
namespace {

Detections Make(const torch::Tensor& boxes, const torch::Tensor& probabilities) {
  Detections detections;
  detections.boxes = boxes;
  detections.probabilities = probabilities;
  return detections;
}

TEST(AgreementTest, MirroringTwiceChangesNothing) {
  const auto boxes = torch::tensor({{1.f, 2.f, 30.f, 40.f}});
  EXPECT_TRUE(torch::equal(MirrorBoxes(boxes, 100), torch::tensor({{70.f, 2.f, 99.f, 40.f}})));
  EXPECT_TRUE(torch::equal(MirrorBoxes(MirrorBoxes(boxes, 100), 100), boxes));
}

TEST(AgreementTest, TheSamePredictionAgreesFully) {
  const auto same = Make(torch::tensor({{0.f, 0.f, 10.f, 10.f}}), torch::tensor({{0.2f, 0.8f, 0.0f}}));
  EXPECT_NEAR(MatchMirrored(same, same).agreement[0].item<float>(), 1, 1e-6);
}

TEST(AgreementTest, ByHand) {
  // IoU 1/3; distributions without anything in common diverge by one bit.
  const auto original = Make(torch::tensor({{0.f, 0.f, 10.f, 10.f}}), torch::tensor({{0.f, 1.f}}));
  const auto shifted = Make(torch::tensor({{5.f, 0.f, 15.f, 10.f}}), torch::tensor({{1.f, 0.f}}));
  EXPECT_NEAR(MatchMirrored(original, shifted).agreement[0].item<float>(), 0.5 * (1.0 / 3 + 1 - 1), 1e-6);
  // (1, 0) against (½, ½): H(¾, ¼) − ½·1 = 0.811278 − 0.5 bits.
  const auto undecided = Make(original.boxes, torch::tensor({{0.5f, 0.5f}}));
  EXPECT_NEAR(MatchMirrored(original, undecided).agreement[0].item<float>(), 0.5 * (1 + 1 - 0.311278), 1e-5);
}

TEST(AgreementTest, PartnersAreTakenOnceByFallingIou) {
  const auto probabilities = torch::tensor({{0.f, 1.f}, {0.f, 1.f}});
  const auto original = Make(torch::tensor({{0.f, 0.f, 10.f, 10.f}, {0.f, 0.f, 10.f, 8.f}}), probabilities);
  // The only mirrored box is the second one's; the first gets no partner.
  const auto mirrored = Make(torch::tensor({{0.f, 0.f, 10.f, 8.f}}), torch::tensor({{0.f, 1.f}}));
  const MirrorMatch match = MatchMirrored(original, mirrored);
  EXPECT_EQ(match.agreement[0].item<float>(), 0);
  EXPECT_NEAR(match.agreement[1].item<float>(), 1, 1e-6);
  EXPECT_TRUE(torch::equal(match.partners, torch::tensor({{0.f, 0.f, 0.f, 0.f}, {0.f, 0.f, 10.f, 8.f}})));
}

TEST(AgreementTest, WithoutOverlapOrBoxesThereIsNone) {
  const auto original = Make(torch::tensor({{0.f, 0.f, 10.f, 10.f}}), torch::tensor({{0.f, 1.f}}));
  const auto away = Make(torch::tensor({{20.f, 0.f, 30.f, 10.f}}), torch::tensor({{0.f, 1.f}}));
  const auto nothing = Make(torch::empty({0, 4}), torch::empty({0, 2}));
  EXPECT_EQ(MatchMirrored(original, away).agreement[0].item<float>(), 0);
  EXPECT_EQ(MatchMirrored(original, nothing).agreement[0].item<float>(), 0);
  EXPECT_EQ(MatchMirrored(nothing, original).agreement.size(0), 0);
}

}  // namespace
}  // namespace loupe::detection
