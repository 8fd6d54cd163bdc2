// Times of one resizing each, over and over: a line of milliseconds for each case.
#include <torch/types.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "worker/detection/antialias.h"
#include "worker/detection/runtime.h"

namespace loupe::detection {
namespace {

template <typename Work>
double Milliseconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// `sides`: height and width, before and after.
nlohmann::json Measure(const std::vector<int>& sides, int repeats) {
  const cv::Size after(sides[3], sides[2]);
  cv::Mat pixels(sides[0], sides[1], CV_8UC3), area;
  cv::randu(pixels, 0, 256);
  // As DecodeImage gives it.
  const torch::Tensor picture =
      torch::from_blob(pixels.data, {pixels.rows, pixels.cols, 3}, torch::kUInt8).permute({2, 0, 1});
  nlohmann::json ours = nlohmann::json::array(), opencv = ours;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    ours.push_back(Milliseconds([&] { ResizeAntialiased(picture, {after.height, after.width}); }));
    opencv.push_back(Milliseconds([&] { cv::resize(pixels, area, after, 0, 0, cv::INTER_AREA); }));
  }
  return {{"sides", sides}, {"ours", ours}, {"opencv", opencv}};
}

}  // namespace
}  // namespace loupe::detection

// Arguments: threads, repeats, then the four sides of each case.
int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const int threads = std::stoi(arguments.at(0)), repeats = std::stoi(arguments.at(1));
  loupe::detection::ConfigureRuntime(threads);
  cv::setNumThreads(threads);
  for (size_t i = 2; i + 4 <= arguments.size(); i += 4) {
    std::vector<int> sides;
    for (size_t j = i; j < i + 4; ++j) sides.push_back(std::stoi(arguments[j]));
    std::cout << loupe::detection::Measure(sides, repeats) << std::endl;
  }
}
