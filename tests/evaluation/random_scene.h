// Made-up truths and detections: ties, crowds, areas that differ from the box's, empty images, absent
// classes.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "evaluation/coco_metrics.h"

namespace loupe::evaluation {

struct Scene {
  GroundTruth truth;
  std::vector<DetectedBox> detections;
};

inline Scene MakeScene(unsigned seed, int max_images = 8) {
  std::mt19937 random(seed);
  const auto in = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  Scene scene;
  scene.truth.image_count = in(1, max_images);
  scene.truth.num_classes = in(1, 4);
  for (int image = 0; image < scene.truth.image_count; ++image) {
    for (int i = in(0, 6); i > 0; --i) {
      const int size = std::vector{10, 32, 60, 96, 200}[in(0, 4)];
      TrueBox box;
      box.image = image;
      box.class_index = in(0, std::max(0, scene.truth.num_classes - 2));
      box.box = {static_cast<double>(in(0, 60)), static_cast<double>(in(0, 60)),
                 static_cast<double>(in(1, size)), static_cast<double>(in(1, size))};
      box.area = box.box.width * box.box.height * (in(0, 2) == 0 ? 0.4 : 1.0);
      box.crowd = in(0, 6) == 0;
      box.id_is_zero = in(0, 30) == 0;
      scene.truth.boxes.push_back(box);
      for (int d = in(0, 3); d > 0; --d) {
        DetectedBox detection{image, box.class_index, box.box, in(0, 10) / 10.0};
        detection.box.x += in(-3, 3);
        detection.box.width = std::max(1.0, detection.box.width + in(-3, 3));
        scene.detections.push_back(detection);
      }
    }
    for (int d = in (0, 3) == 0 ? 130 : in(0, 3); d > 0; --d) {
      scene.detections.push_back({image,
                                  in(0, scene.truth.num_classes - 1),
                                  {in(0, 90) * 1.0, in(0, 90) * 1.0, in(1, 90) * 1.0, in(1, 90) * 1.0},
                                  in(0, 20) / 20.0});
    }
  }
  std::shuffle(scene.detections.begin(), scene.detections.end(), random);
  return scene;
}

}  // namespace loupe::evaluation
