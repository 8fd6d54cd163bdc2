#include "detectron2/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "recipe/detector_check.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a Faster R-CNN with FPN says at least; all else is Detectron2's default.
constexpr char kFasterRcnn[] = R"(
MODEL:
  META_ARCHITECTURE: GeneralizedRCNN
  BACKBONE: {NAME: build_resnet_fpn_backbone}
  RESNETS: {OUT_FEATURES: [res2, res3, res4, res5]}
  FPN: {IN_FEATURES: [res2, res3, res4, res5]}
  RPN: {IN_FEATURES: [p2, p3, p4, p5, p6]}
  ANCHOR_GENERATOR: {SIZES: [[32], [64], [128], [256], [512]]}
  ROI_HEADS: {NAME: StandardROIHeads, IN_FEATURES: [p2, p3, p4, p5]}
  ROI_BOX_HEAD: {NAME: FastRCNNConvFCHead, NUM_FC: 2, POOLER_RESOLUTION: 7}
)";

class Detectron2ConfigTest : public testing::Test {
 protected:
  Detectron2ConfigTest() {
    std::string name = (fs::temp_directory_path() / "loupe-config-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    fs::create_directories(folder_ / "own");
  }
  ~Detectron2ConfigTest() override { fs::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(folder_ / name) << text; }

  absl::StatusOr<Detectron2Config> Read(const std::string& text) {
    Write("own/config.yaml", text);
    return ReadDetectron2Config(folder_ / "own/config.yaml");
  }
  // Differs from a sound configuration by these lines.
  absl::StatusOr<Detectron2Config> ReadChanged(const std::string& lines) {
    Write("own/base.yaml", kFasterRcnn);
    return Read("_BASE_: base.yaml\n" + lines);
  }
  std::string Error(const absl::StatusOr<Detectron2Config>& read) {
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(read.status().message());
  }

  fs::path folder_;
};

TEST_F(Detectron2ConfigTest, WhatAFileLacksIsDetectron2sDefault) {
  const auto read = Read(kFasterRcnn);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->num_classes, 80);
  const v1::Detector& detector = read->detector;
  EXPECT_TRUE(CheckDetector(detector).ok()) << CheckDetector(detector);
  EXPECT_THAT(detector.backbone().stage_depths(), ElementsAre(3, 4, 6, 3));
  EXPECT_EQ(detector.backbone().width(), 64U);
  EXPECT_EQ(detector.backbone().out_channels(), 256U);
  EXPECT_TRUE(detector.backbone().stride_in_1x1());
  EXPECT_EQ(detector.resizing(), v1::Detector::ANTIALIASED);
  EXPECT_EQ(detector.min_size(), 800U);
  EXPECT_EQ(detector.max_size(), 1333U);
  EXPECT_TRUE(detector.file_bgr());
  // From blue, green, red of 0 to 255 to red, green, blue of 0 to 1.
  EXPECT_NEAR(detector.image_mean(0), 0.485, 1e-6);
  EXPECT_NEAR(detector.image_mean(2), 0.406, 1e-6);
  EXPECT_NEAR(detector.image_std(0), 1.0 / 255, 1e-9);
  EXPECT_FALSE(detector.anchors_rounded());
  EXPECT_THAT(detector.anchor_strides(), ElementsAre(4, 8, 16, 32, 64));
  EXPECT_EQ(detector.rpn_pre_nms_top_n_test(), 6000U);
  EXPECT_EQ(detector.rpn_post_nms_top_n_test(), 1000U);
  EXPECT_EQ(detector.rpn_min_side(), 0);
  EXPECT_TRUE(detector.roi_aligned());
  EXPECT_EQ(detector.roi_sampling_ratio(), 0U);
  EXPECT_EQ(detector.box_head_width(), 1024U);
  EXPECT_THAT(detector.box_delta_weights(), ElementsAre(10, 10, 5, 5));
  EXPECT_EQ(detector.box_score_threshold(), 0.05);
  EXPECT_EQ(detector.detections_per_image(), 100U);
}

TEST_F(Detectron2ConfigTest, AFileSaysWhatDiffersFromItsBase) {
  Write("own/middle.yaml",
        "_BASE_: base.yaml\nMODEL: {RESNETS: {DEPTH: 101}, ROI_HEADS: {NUM_CLASSES: 7}}\n");
  const auto read = [&] {
    Write("own/base.yaml", kFasterRcnn);
    return Read(
        "_BASE_: [base.yaml, middle.yaml]\nMODEL: {ROI_HEADS: {NUM_CLASSES: 3}}\nINPUT: {FORMAT: RGB}\n");
  };
  EXPECT_THAT(Error(read()), HasSubstr("named twice"));
  Write("own/middle.yaml", "MODEL: {RESNETS: {DEPTH: 101}, ROI_HEADS: {NUM_CLASSES: 7}}\n");
  const auto good = read();
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->num_classes, 3);
  EXPECT_THAT(good->detector.backbone().stage_depths(), ElementsAre(3, 4, 23, 3));
  EXPECT_FALSE(good->detector.file_bgr());
  EXPECT_NEAR(good->detector.image_mean(0), 103.53 / 255, 1e-6);
}

TEST_F(Detectron2ConfigTest, ABaseOutsideTheFolderIsRefused) {
  Write("base.yaml", kFasterRcnn);
  EXPECT_THAT(Error(Read("_BASE_: ../base.yaml\n")), HasSubstr("../base.yaml, which is outside"));
  EXPECT_THAT(Error(Read("_BASE_: /etc/hostname\n")), HasSubstr("outside"));
  EXPECT_THAT(Error(Read("_BASE_: config.yaml\n")), HasSubstr("based on itself"));
  EXPECT_EQ(Read("_BASE_: none.yaml\n").status().code(), absl::StatusCode::kNotFound);
  fs::create_symlink("../base.yaml", folder_ / "own/link.yaml");
  EXPECT_THAT(Error(Read("_BASE_: link.yaml\n")), HasSubstr("outside"));
}

TEST_F(Detectron2ConfigTest, WhatIsNotSupportedIsNamed) {
  for (const auto& [lines, name] : std::vector<std::pair<std::string, std::string>>{
           {"MODEL: {META_ARCHITECTURE: RetinaNet}", "META_ARCHITECTURE is RetinaNet"},
           {"MODEL: {MASK_ON: true}", "masks"},
           {"MODEL: {KEYPOINT_ON: true}", "keypoints"},
           {"MODEL: {BACKBONE: {NAME: build_resnet_backbone}}", "neither C4 nor DC5"},
           {"MODEL: {BACKBONE: {NAME: build_regnet_fpn_backbone}}", "build_regnet_fpn_backbone"},
           {"MODEL: {ROI_HEADS: {NAME: CascadeROIHeads}}", "no Cascade R-CNN"},
           {"MODEL: {PROPOSAL_GENERATOR: {NAME: RRPN}}", "rotated"},
           {"MODEL: {RESNETS: {NUM_GROUPS: 32}}", "grouped convolutions"},
           {"MODEL: {RESNETS: {NORM: GN}}", "RESNETS.NORM is GN"},
           {"MODEL: {RESNETS: {DEFORM_ON_PER_STAGE: [false, true, true, true]}}", "deformable"},
           {"MODEL: {RESNETS: {RES5_DILATION: 2}}", "dilated"},
           {"MODEL: {RESNETS: {DEPTH: 26}}", "DEPTH is 26"},
           {"MODEL: {FPN: {NORM: GN}}", "FPN.NORM is GN"},
           {"MODEL: {FPN: {IN_FEATURES: [res3, res4, res5]}}", "FPN.IN_FEATURES is [res3, res4, res5]"},
           {"MODEL: {ROI_BOX_HEAD: {NUM_CONV: 4}}", "NUM_CONV is 4"},
           {"MODEL: {ROI_BOX_HEAD: {USE_SIGMOID_CE: true}}", "sigmoid"},
           {"MODEL: {ROI_BOX_HEAD: {POOLER_TYPE: ROIPool}}", "ROIPool"},
           {"MODEL: {ANCHOR_GENERATOR: {ASPECT_RATIOS: [[1], [1], [1], [1], [2]]}}", "same on every level"},
           {"MODEL: {ANCHOR_GENERATOR: {SIZES: [[1], [2]]}}", "each of the 5 levels"},
           {"INPUT: {FORMAT: L}", "INPUT.FORMAT is L"}}) {
    EXPECT_THAT(Error(ReadChanged(lines)), HasSubstr(name)) << lines;
  }
}

TEST_F(Detectron2ConfigTest, ValuesOutOfRangeAreNamed) {
  for (const auto& [lines, name] : std::vector<std::pair<std::string, std::string>>{
           {"INPUT: {MIN_SIZE_TEST: 1e9}", "INPUT.MIN_SIZE_TEST must be from 0 to 8192"},
           {"INPUT: {MIN_SIZE_TEST: 80.5}", "whole number"},
           {"INPUT: {MIN_SIZE_TEST: many}", "must be a number"},
           {"MODEL: {ROI_HEADS: {SCORE_THRESH_TEST: .nan}}", "SCORE_THRESH_TEST must be from 0 to 1"},
           {"MODEL: {PIXEL_STD: [1, 0, 1]}", "PIXEL_STD must be from 1e-06"},
           {"MODEL: {PIXEL_STD: [1, .inf, 1]}", "PIXEL_STD must be from 1e-06"},
           {"MODEL: {PIXEL_MEAN: [1, .nan, 1]}", "PIXEL_MEAN must be from"},
           {"MODEL: {RPN: {IOU_THRESHOLDS: [0.7, 0.3]}}", "IOU_THRESHOLDS must not fall"},
           {"MODEL: {ROI_HEADS: {IOU_THRESHOLDS: [5]}}", "ROI_HEADS.IOU_THRESHOLDS must be from 0 to 1"},
           {"MODEL: {RPN: {BBOX_REG_WEIGHTS: [1, 1, -1, 1]}}", "RPN.BBOX_REG_WEIGHTS must be from 1e-06"},
           {"MODEL: {RPN: {ANCHOR_SIZES: [[32]]}}", "MODEL.RPN.ANCHOR_SIZES isn't known"},
           {"MODEL: {ANCHOR_GENERATOR: {ASPECT_RATIO: [[1]]}}", "ANCHOR_GENERATOR.ASPECT_RATIO isn't known"},
           {"VERSION: 1", "VERSION is 1"},
           {"MODEL: {PIXEL_MEAN: [1, 2]}", "must have 3 numbers, not 2"},
           {"MODEL: {MASK_ON: perhaps}", "MASK_ON must be"},
           {"MODEL: {RPN: {BBOX_REG_WEIGHTS: 3}}", "BBOX_REG_WEIGHTS must be a list"},
           {"MODEL: {ROI_BOX_HEAD: {FC_DIM: 0}}", "FC_DIM must be from 1"}}) {
    EXPECT_THAT(Error(ReadChanged(lines)), HasSubstr(name)) << lines;
  }
}

TEST_F(Detectron2ConfigTest, TheLongerSideHasTheLastWord) {
  EXPECT_EQ(ReadChanged("INPUT: {MIN_SIZE_TEST: 1600}")->detector.min_size(), 1333U);
  EXPECT_EQ(ReadChanged("INPUT: {MIN_SIZE_TEST: 0}")->detector.min_size(), 0U);
}

TEST_F(Detectron2ConfigTest, HostileFilesAreRefused) {
  EXPECT_THAT(Error(Read("MODEL: !!python/object/apply:os.system ['true']")), HasSubstr("line 1: the tag"));
  EXPECT_THAT(Error(Read("MODEL: !!python/tuple [1]")), HasSubstr("asks for an object of a program"));
  EXPECT_THAT(Error(Read("a: " + std::string(100000, '['))), HasSubstr("nests too deep"));
  EXPECT_THAT(Error(Read(std::string((1 << 20) + 1, ' '))), HasSubstr("above 1 MiB"));
  EXPECT_THAT(Error(Read("model: {backbone: {bottom_up: {}}}")), HasSubstr("a LazyConfig isn't supported"));
  EXPECT_THAT(Error(Read("MODEL: 3")), HasSubstr("it has no MODEL"));
  EXPECT_THAT(Error(Read("- a list")), HasSubstr("has no keys"));
  EXPECT_THAT(Error(Read("")), HasSubstr("has no keys"));
  EXPECT_THAT(Error(Read("a: [1, 2")), HasSubstr("config.yaml: line"));
  EXPECT_THAT(Error(Read("a: *nothing")), HasSubstr("line 1"));
  EXPECT_THAT(Error(Read("_BASE_: {a: b}")), HasSubstr("must be the name of a file"));
  // Detectron2 itself writes lists that it has twice so. They cost nothing until they are read.
  std::string bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    const std::string before(1, static_cast<char>(c - 1)), own(1, c);
    bomb += own + ": &" + own + " [*" + before + ", *" + before + ", *" + before + ", *" + before + "]\n";
  }
  const auto laughs = ReadChanged(bomb + "MODEL: {RPN: {BBOX_REG_WEIGHTS: *z}}\n");
  EXPECT_THAT(Error(laughs), HasSubstr("BBOX_REG_WEIGHTS"));
  EXPECT_THAT(Error(ReadChanged("MODEL: &m {FPN: *m}")),
              HasSubstr("FPN.FPN isn't known"));  // it holds itself
}

}  // namespace
}  // namespace loupe
