// loupe-bench-bias REDRAWS RESAMPLES: draws slices of made-up pools again and again and counts how often the
// intervals of EstimatePool hold the truth; beside it plain averages over the most uncertain images. Prints a
// JSON array with an object for each pool, slice, category and figure. Run by bias_bench.py.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/parallel_for.h"
#include "evaluation/seeded_random.h"
#include "evaluation/weighted_estimates.h"
#include "nlohmann/json.hpp"

namespace loupe::evaluation {
namespace {

constexpr int kImages = 3000;
constexpr int kKnown = 500;
constexpr std::array<std::pair<const char*, PoolEstimate PoolFigures::*>, 5> kFigures = {
    {{"precision", &PoolFigures::precision},
     {"recall", &PoolFigures::recall},
     {"ap50", &PoolFigures::ap50},
     {"prevalence", &PoolFigures::prevalence},
     {"boxes_left", &PoolFigures::boxes_left}}};

struct World {
  const char* name;
  bool chosen;  // the labelled images are the most uncertain ones; otherwise any
  int categories;
  double tail;      // the category of rank r has a weight of r^-tail
  double empty;     // share of the images without boxes
  double boxes;     // beyond the first one in an image, on average
  double spread;    // of the logarithm of that average from image to image
  double sameness;  // share of an image's boxes that are of its first one's category
  double skill;     // logit of finding a box of the commonest category
  double noise;     // wrong detections an image beside those near boxes
  double sureness;  // logit of a right detection's score, on average
};

constexpr World kWorlds[] = {
    {"even", false, 6, 0.0, 0.08, 1.3, 0.0, 0.5, 1.0, 1.0, 0.8},     // like parts under one camera
    {"street", true, 8, 1.0, 0.10, 4.0, 0.7, 0.5, 0.8, 2.0, 0.5},    // many categories with a tail
    {"scarce", false, 5, 1.2, 0.70, 1.5, 0.8, 0.7, 0.5, 0.5, 0.5},   // most images are empty
    {"strong", true, 6, 0.7, 0.20, 2.0, 0.4, 0.6, 3.0, 0.2, 1.0},    // a detector that is nearly always right
    {"crowded", false, 5, 0.8, 0.30, 8.0, 1.0, 0.9, 0.2, 3.0, 0.2},  // a few images hold a hundred
    {"nests", false, 6, 1.5, 0.40, 8.0, 0.5, 0.95, 0.7, 1.0, 0.4}};  // rare categories come in heaps

double Logistic(double logit) { return 1 / (1 + std::exp(-logit)); }

double Normal(SeededRandom& random) {
  const double length = std::sqrt(-2 * std::log(1 - random.Uniform()));
  return length * std::cos(2 * std::numbers::pi * random.Uniform());
}

int Poisson(double mean, SeededRandom& random) {
  const double end = std::exp(-mean);
  int count = 0;
  for (double product = random.Uniform(); product > end; product *= random.Uniform()) ++count;
  return count;
}

class ImageMaker {
 public:
  explicit ImageMaker(const World& world) : world_(world) {
    double sum = 0;
    for (int rank = 1; rank <= world.categories; ++rank)
      weights_up_to_.push_back(sum += std::pow(rank, -world.tail));
  }

  SampledImage Make(SeededRandom& random) const {
    SampledImage image;
    image.true_boxes.resize(weights_up_to_.size());
    const double hardness = Normal(random);
    const int32_t first = Category(random);
    for (int i = 0, count = BoxCount(random); i < count; ++i) {
      const int32_t category = i == 0 || random.Uniform() < world_.sameness ? first : Category(random);
      ++image.true_boxes[static_cast<size_t>(category)];
      AddDetectionsNear(category, hardness, random, image);
    }
    for (int i = Poisson(world_.noise * std::exp(hardness / 2), random); i > 0; --i) {
      image.detections.push_back({Category(random), Score(-1.5, random), false});
    }
    return image;
  }

 private:
  int BoxCount(SeededRandom& random) const {
    if (random.Uniform() < world_.empty) return 0;
    const double deviation = world_.spread * (Normal(random) - world_.spread / 2);
    return 1 + Poisson(world_.boxes * std::exp(deviation), random);
  }

  int32_t Category(SeededRandom& random) const {
    const auto place = std::upper_bound(weights_up_to_.begin(), weights_up_to_.end() - 1,
                                        random.Uniform() * weights_up_to_.back());
    return static_cast<int32_t>(place - weights_up_to_.begin());
  }

  static float Score(double logit, SeededRandom& random) {
    return static_cast<float>(Logistic(logit + 1.2 * Normal(random)));
  }

  // Rarer categories are found less often; hard images more seldom, and with less confidence.
  void AddDetectionsNear(int32_t category, double hardness, SeededRandom& random, SampledImage& image) const {
    const double skill = world_.skill - static_cast<double>(category) / world_.categories;
    if (random.Uniform() < Logistic(skill - hardness)) {
      image.detections.push_back(
          {category, Score(world_.sureness + skill / 2 - 0.7 * hardness, random), true});
    }
    const double unsure = 0.3 * hardness - 0.8;
    if (random.Uniform() < 0.2) image.detections.push_back({category, Score(unsure, random), false});
    if (random.Uniform() < 0.15) image.detections.push_back({Category(random), Score(unsure, random), false});
  }

  const World& world_;
  std::vector<double> weights_up_to_;
};

// As images are chosen by default: entropy of the scores over the root of the seconds that labelling takes.
double Uncertainty(const SampledImage& image) {
  double bits = 0;
  double boxes = 0;
  for (const SampledDetection& detection : image.detections) {
    const double score = detection.score;
    if (score < 0.05 || score >= 1) continue;
    bits -= score * std::log2(score) + (1 - score) * std::log2(1 - score);
    boxes += score;
  }
  return bits / std::sqrt(2 + 4 * boxes);
}

// A pool of which a part is labelled already.
struct Pool {
  std::vector<SampledImage> unlabelled;  // the most uncertain one first
  PoolSample known;                      // nothing drawn
};

void AddKnown(const SampledImage& image, PoolSample& known) {
  uint64_t boxes = 0;
  for (size_t c = 0; c < image.true_boxes.size(); ++c) {
    boxes += image.true_boxes[c];
    known.known_images_with_class[c] += image.true_boxes[c] > 0 ? 1 : 0;
  }
  known.known_images_with_boxes += boxes > 0 ? 1 : 0;
}

Pool MakePool(const World& world, uint64_t seed) {
  SeededRandom random(seed);
  const ImageMaker maker(world);
  std::vector<std::pair<double, SampledImage>> images;
  for (int i = 0; i < kImages; ++i) {
    SampledImage image = maker.Make(random);
    const double uncertainty = Uncertainty(image);
    images.emplace_back(uncertainty, std::move(image));
  }
  std::stable_sort(images.begin() + (world.chosen ? 0 : kKnown), images.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  Pool pool;
  pool.known.num_classes = world.categories;
  pool.known.population = images.size() - kKnown;
  pool.known.known_images = kKnown;
  pool.known.boxes_labelled_since.resize(static_cast<size_t>(world.categories));
  pool.known.known_images_with_class.resize(static_cast<size_t>(world.categories));
  for (size_t i = 0; i < images.size(); ++i) {
    if (i < size_t{kKnown}) {
      AddKnown(images[i].second, pool.known);
    } else {
      pool.unlabelled.push_back(std::move(images[i].second));
    }
  }
  return pool;
}

struct Slice {
  PoolEstimates estimates;
  std::vector<uint64_t> boxes;  // [C + 1] true ones in its images; of all categories last
};

Slice Judge(const Pool& pool, std::vector<SampledImage> drawn, int resamples, uint64_t seed) {
  Slice slice;
  slice.boxes.resize(static_cast<size_t>(pool.known.num_classes) + 1);
  for (const SampledImage& image : drawn) {
    for (size_t c = 0; c < image.true_boxes.size(); ++c) {
      slice.boxes[c] += image.true_boxes[c];
      slice.boxes.back() += image.true_boxes[c];
    }
  }
  PoolSample sample = pool.known;
  sample.drawn = std::move(drawn);
  slice.estimates = EstimatePool(sample, {.resamples = resamples, .seed = seed, .threads = 1});
  return slice;
}

std::vector<SampledImage> Draw(const Pool& pool, size_t count, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<size_t> order(pool.unlabelled.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<SampledImage> drawn;
  for (size_t i = 0; i < count; ++i) {
    std::swap(order[i], order[i + random.Below(order.size() - i)]);
    drawn.push_back(pool.unlabelled[order[i]]);
  }
  return drawn;
}

const PoolFigures& FiguresOf(const Slice& slice, size_t category) {
  const auto& categories = slice.estimates.classes;
  return category < categories.size() ? categories[category] : slice.estimates.pooled;
}

// What `slice` estimates, given all of U; the mean AP50 is that of the categories that the slice averages.
double TruthFor(const Slice& slice, const Slice& all, size_t category, PoolEstimate PoolFigures::*figure) {
  if (figure == &PoolFigures::boxes_left) {
    return static_cast<double>(all.boxes[category] - slice.boxes[category]);
  }
  const auto& categories = all.estimates.classes;
  if (figure != &PoolFigures::ap50 || category < categories.size())
    return (FiguresOf(all, category).*figure).value;
  double sum = 0;
  for (size_t c = 0; c < categories.size(); ++c) sum += slice.boxes[c] < 30 ? 0 : categories[c].ap50.value;
  return sum / slice.estimates.averaged_classes;
}

// Truth and estimate on average over the slices that have one; how many have an interval, and hold the truth.
nlohmann::ordered_json Coverage(const std::vector<Slice>& slices, const Slice& all, size_t category,
                                PoolEstimate PoolFigures::*figure) {
  int values = 0, intervals = 0, held = 0;
  double truth_sum = 0, value_sum = 0;
  for (const Slice& slice : slices) {
    const PoolEstimate& estimate = FiguresOf(slice, category).*figure;
    if (estimate.value < 0) continue;
    const double truth = TruthFor(slice, all, category, figure);
    ++values;
    truth_sum += truth;
    value_sum += estimate.value;
    if (!estimate.has_interval) continue;
    ++intervals;
    held += estimate.low <= truth && truth <= estimate.high ? 1 : 0;
  }
  if (values == 0) return {{"values", 0}, {"intervals", 0}, {"held", 0}};
  return {{"values", values},
          {"intervals", intervals},
          {"held", held},
          {"truth", truth_sum / values},
          {"estimate", value_sum / values}};
}

void AddCells(const World& world, int redraw_count, int resamples, nlohmann::ordered_json& cells) {
  const Pool pool = MakePool(world, static_cast<uint64_t>(&world - kWorlds) + 1);
  const Slice all = Judge(pool, pool.unlabelled, 1, 0);
  for (const double share : {0.03, 0.1, 0.3}) {
    const auto count = static_cast<size_t>(std::lround(share * static_cast<double>(pool.unlabelled.size())));
    std::vector<Slice> redraws(static_cast<size_t>(redraw_count));
    ParallelFor(redraws.size(), 0,
                [&](size_t i) { redraws[i] = Judge(pool, Draw(pool, count, i), resamples, i); });
    // A plain average treats the most uncertain images as if they were drawn.
    const std::vector<Slice> chosen = {
        Judge(pool, {pool.unlabelled.data(), pool.unlabelled.data() + count}, resamples, 0)};
    for (size_t c = 0; c <= static_cast<size_t>(world.categories); ++c) {
      for (const auto& [name, figure] : kFigures) {
        cells.push_back({{"world", world.name},
                         {"drawn", count},
                         {"unlabelled", pool.unlabelled.size()},
                         {"category", c < static_cast<size_t>(world.categories) ? std::to_string(c) : "all"},
                         {"figure", name},
                         {"slice", Coverage(redraws, all, c, figure)},
                         {"plain_average", Coverage(chosen, all, c, figure)}});
      }
    }
  }
}

void Run(int redraws, int resamples) {
  nlohmann::ordered_json cells = nlohmann::ordered_json::array();
  for (const World& world : kWorlds) AddCells(world, redraws, resamples, cells);
  std::printf("%s\n", cells.dump().c_str());
}

}  // namespace
}  // namespace loupe::evaluation

int main(int argc, char** argv) {
  if (argc != 3 || std::atoi(argv[1]) < 1 || std::atoi(argv[2]) < 1) {
    std::fprintf(stderr, "usage: loupe-bench-bias REDRAWS RESAMPLES\n");
    return 2;
  }
  try {
    loupe::evaluation::Run(std::atoi(argv[1]), std::atoi(argv[2]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "loupe-bench-bias: %s\n", error.what());
    return 1;
  }
  return 0;
}
