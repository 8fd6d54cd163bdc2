// Many pictures of mixed sizes: who shares a batch with whom, and that nobody's prediction depends on it.
#include "worker/prediction/picture_prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "tests/worker/training/training_world.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/pictures/image_decode.h"
#include "worker/prediction/perceptual_hash.h"

namespace loupe {
namespace {

using detection::ImageSize;
using testing::ElementsAre;

TEST(GroupBySizeTest, EqualSizesShareABatchUpToItsLimit) {
  const ImageSize wide = {64, 96}, high = {96, 64};
  EXPECT_THAT(GroupBySize({wide, high, wide, wide, high, wide}, 2),
              ElementsAre(ElementsAre(0, 2), ElementsAre(1, 4), ElementsAre(3, 5)));
  EXPECT_THAT(GroupBySize({wide, wide, wide}, 2), ElementsAre(ElementsAre(0, 1), ElementsAre(2)));
  EXPECT_THAT(GroupBySize({wide, high, wide}, 1),
              ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(2)));
  EXPECT_THAT(GroupBySize({}, 4), ElementsAre());
}

class PredictPicturesTest : public testing::Test {
 protected:
  static LoadedDetector Detector() {
    torch::manual_seed(11);
    return {(*Trainer::Create(SmallRecipe(1), Squares(2), nullptr))->model(), {"square", "bar"}};
  }

  // A picture and its size; `claimed` is what it says of its size.
  void Add(ImageSize size, ImageSize claimed) {
    const torch::Tensor image = torch::rand({3, size.height, size.width});
    images_.push_back(image);
    pictures_.push_back(
        {[claimed] { return claimed; }, [image] { return absl::StatusOr<torch::Tensor>(image); }});
  }

  absl::Status PredictAll() {
    return PredictPictures(predictor_, pictures_, options_,
                           [&](size_t index, absl::StatusOr<Prediction> prediction) {
                             const bool is_new = taken_.emplace(index, std::move(prediction)).second;
                             return is_new ? absl::OkStatus() : absl::InternalError("taken twice");
                           });
  }

  std::vector<torch::Tensor> images_;
  std::vector<Picture> pictures_;
  PredictOptions options_ = {.detect = {.score_threshold = 0.01}, .mirrored = true, .batch_size = 3};
  Predictor predictor_ = [] {
    LoadedDetector detector = Detector();
    detector.model->eval();
    return Predictor::Create(std::move(detector), torch::kCPU, "float32").value();
  }();
  std::map<size_t, absl::StatusOr<Prediction>> taken_;
};

TEST_F(PredictPicturesTest, EachIsPredictedAsIfItWereAlone) {
  for (int i = 0; i < 5; ++i) {
    for (const ImageSize size : {ImageSize{50, 70}, ImageSize{64, 40}, ImageSize{64, 64}, ImageSize{30, 90}})
      Add(size, size);
  }
  ASSERT_TRUE(PredictAll().ok());
  ASSERT_EQ(taken_.size(), images_.size());
  for (const auto& [index, prediction] : taken_) {
    ASSERT_TRUE(prediction.ok()) << prediction.status();
    const auto alone = predictor_.Predict(predictor_.Prepare({predictor_.Resize(images_[index])}, true),
                                          options_.detect, true);
    ASSERT_TRUE(alone.ok()) << alone.status();
    const detection::Detections& expected = alone->front().detections;
    ASSERT_EQ(prediction->detections.scores.size(0), expected.scores.size(0)) << index;
    ASSERT_GT(expected.scores.size(0), 0);
    EXPECT_TRUE(torch::allclose(prediction->detections.scores, expected.scores, 0, 1e-5)) << index;
    EXPECT_TRUE(torch::allclose(prediction->detections.boxes, expected.boxes, 0, 1e-2)) << index;
    EXPECT_TRUE(torch::allclose(prediction->mirrored->agreement, alone->front().mirrored->agreement, 0, 1e-3))
        << index;
  }
}

TEST_F(PredictPicturesTest, AWrongSizeCostsTimeOnly) {
  Add({50, 70}, {0, 0});
  Add({64, 40}, {50, 70});
  Add({64, 64}, {50, 70});
  ASSERT_TRUE(PredictAll().ok());
  ASSERT_EQ(taken_.size(), 3);
  for (const auto& [index, prediction] : taken_) EXPECT_TRUE(prediction.ok()) << index;
}

TEST_F(PredictPicturesTest, ThoseThatCannotBeReadAreToldAndTheOthersPredicted) {
  for (int i = 0; i < 4; ++i) Add({64, 64}, {64, 64});
  pictures_[1].load = [] {
    return absl::StatusOr<torch::Tensor>(absl::InvalidArgumentError("b.jpg is empty"));
  };
  ASSERT_TRUE(PredictAll().ok());
  ASSERT_EQ(taken_.size(), 4);
  EXPECT_EQ(taken_.at(1).status(), absl::InvalidArgumentError("b.jpg is empty"));
  for (const size_t index : {0, 2, 3}) EXPECT_TRUE(taken_.at(index).ok());
}

TEST_F(PredictPicturesTest, WhatTakeAnswersEndsIt) {
  for (int i = 0; i < 40; ++i) Add({64, 64}, {64, 64});
  int taken = 0;
  const absl::Status ended =
      PredictPictures(predictor_, pictures_, options_, [&](size_t, absl::StatusOr<Prediction>) {
        return ++taken == 2 ? absl::CancelledError("stop") : absl::OkStatus();
      });
  EXPECT_EQ(ended, absl::CancelledError("stop"));
  EXPECT_EQ(taken, 2);
}

// A field of this process, in MiB. Source: proc(5), /proc/pid/status.
int64_t Mebibytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kibibytes = 0;
  while (status >> word && word != field + ":") {
  }
  status >> kibibytes;
  return kibibytes >> 10;
}

// Four were held as float32 with copies of themselves: 7 GB.
struct HugePicture {
  std::string name;
  std::string extension;
  int type;           // of OpenCV
  int64_t mebibytes;  // of its pixels
};

class HugePictureTest : public PredictPicturesTest, public testing::WithParamInterface<HugePicture> {};

TEST_P(HugePictureTest, IsHeldOnceAsItWasDecoded) {
  const auto& [name, extension, type, mebibytes] = GetParam();
  const double level = CV_MAT_DEPTH(type) == CV_16U ? 257 * 80 : 80;
  std::vector<uchar> encoded;
  cv::imencode(extension, cv::Mat(8000, 12000, type, cv::Scalar::all(level)), encoded);
  const auto load = [&]() -> absl::StatusOr<torch::Tensor> {
    absl::StatusOr<torch::Tensor> picture =
        DecodeImage({reinterpret_cast<const char*>(encoded.data()), encoded.size()}, "huge");
    if (picture.ok()) {
      PerceptualHash(*picture);
      EXPECT_NEAR(Brightness(*picture), 80.0 / 255, 0.01);
    }
    return picture;
  };
  for (int i = 0; i < 4; ++i) pictures_.push_back({[] { return ImageSize{8000, 12000}; }, load});
  std::ofstream("/proc/self/clear_refs") << 5;  // forgets the largest size so far
  const int64_t before = Mebibytes("VmRSS");
  ASSERT_TRUE(PredictAll().ok());
  EXPECT_EQ(taken_.size(), 4U);
  const int64_t added = Mebibytes("VmHWM") - before;
  EXPECT_GT(added, mebibytes - 10);
  EXPECT_LT(added, mebibytes + 100);
}

INSTANTIATE_TEST_SUITE_P(Kinds, HugePictureTest,
                         testing::Values(HugePicture{"jpeg", ".jpg", CV_8UC3, 275},
                                         HugePicture{"deep", ".png", CV_16UC3, 550},
                                         HugePicture{"tiff", ".tif", CV_16UC3, 550},
                                         HugePicture{"grey", ".png", CV_8UC1, 92}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace loupe
