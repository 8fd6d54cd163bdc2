// loupe-bench-diversity ROWS PICKS CANDIDATES CENTRES BUDGET IMAGES: times k-center over ROWS embeddings,
// beside reading the same memory as often; BUDGET picks of CANDIDATES with CENTRES; and merging
// near-duplicates of IMAGES. Prints one JSON object. Run by diversity_bench.py.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "evaluation/parallel_for.h"
#include "evaluation/seeded_random.h"
#include "nlohmann/json.hpp"
#include "server/ranking/diversity.h"

namespace loupe::ranking {
namespace {

using evaluation::ParallelFor;
using evaluation::SeededRandom;

constexpr size_t kWidth = 128;
constexpr int kRepeats = 5;

Embeddings RandomEmbeddings(size_t size, SeededRandom& random) {
  Embeddings embeddings(kWidth);
  std::array<uint64_t, kWidth / 4> bits;
  for (size_t i = 0; i < size; ++i) {
    // Half floats of either sign, of sizes from 0.125 to 0.5.
    for (uint64_t& four : bits) four = (random.Next() & 0x87ff87ff87ff87ffU) | 0x3000300030003000U;
    const std::string_view bytes(reinterpret_cast<const char*>(bits.data()), sizeof(bits));
    if (!embeddings.Append(bytes).ok()) std::abort();
  }
  return embeddings;
}

std::vector<double> RandomWeights(size_t size, SeededRandom& random) {
  std::vector<double> weights(size);
  for (double& weight : weights) weight = 0.5 + random.Uniform();
  return weights;
}

template <typename Work>
double SecondsOf(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Adds up all rows as 64-bit numbers, on all processors: the least that a look at each costs.
uint64_t ReadAll(const Embeddings& embeddings) {
  const size_t parts = std::max(1U, std::thread::hardware_concurrency());
  const size_t words = embeddings.size() * embeddings.row_length() / 4;
  const uint16_t* halves = embeddings.row(0);
  std::vector<uint64_t> sums(parts);
  ParallelFor(parts, static_cast<int>(parts), [&](size_t part) {
    uint64_t sum = 0;
    for (size_t i = part * words / parts; i < (part + 1) * words / parts; ++i) {
      uint64_t word = 0;
      std::memcpy(&word, halves + 4 * i, sizeof(word));
      sum += word;
    }
    sums[part] = sum;
  });
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

// Two sides in turn, so that what else the machine does weighs on both.
void TimePool(size_t rows, size_t picks, SeededRandom& random, nlohmann::ordered_json& figures) {
  const Embeddings pool = RandomEmbeddings(rows, random);
  const std::vector<double> weights = RandomWeights(rows, random);
  const uint64_t expected = ReadAll(pool);
  std::vector<double> pick_ms, read_ms, ratios;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    read_ms.push_back(1e3 / static_cast<double>(picks) * SecondsOf([&] {
                        for (size_t i = 0; i < picks; ++i) {
                          if (ReadAll(pool) != expected) std::abort();
                        }
                      }));
    // The first pick is that of the largest weight, without a look at the embeddings.
    pick_ms.push_back(1e3 / static_cast<double>(picks) * SecondsOf([&] {
                        if (WeightedKCenter(pool, weights, Embeddings(kWidth), picks + 1, 0).size() !=
                            picks + 1) {
                          std::abort();
                        }
                      }));
    ratios.push_back(pick_ms.back() / read_ms.back());
  }
  figures["rows"] = rows;
  figures["ms_per_pick"] = Median(pick_ms);
  figures["ms_per_read"] = Median(read_ms);
  figures["gb_per_second_read"] = static_cast<double>(rows * kWidth * 2) / 1e6 / Median(read_ms);
  figures["ratio_to_read"] = Median(ratios);
}

void TimeBudget(size_t candidate_count, size_t centre_count, size_t budget, SeededRandom& random,
                nlohmann::ordered_json& figures) {
  const Embeddings candidates = RandomEmbeddings(candidate_count, random);
  const Embeddings centres = RandomEmbeddings(centre_count, random);
  const std::vector<double> weights = RandomWeights(candidate_count, random);
  figures["candidates"] = candidate_count;
  figures["centres"] = centre_count;
  figures["budget"] = budget;
  figures["budget_seconds"] = SecondsOf([&] { WeightedKCenter(candidates, weights, centres, budget, 0); });
}

// A third of the images repeats another one.
void TimeDuplicates(size_t images, SeededRandom& random, nlohmann::ordered_json& figures) {
  const Embeddings different = RandomEmbeddings(images, random);
  std::vector<std::optional<uint64_t>> hashes;
  Embeddings embeddings(kWidth);
  for (size_t i = 0; i < images; ++i) {
    const size_t shown = random.Below(3) == 0 ? random.Below(i + 1) : i;
    embeddings.Append({reinterpret_cast<const char*>(different.row(shown)), 2 * kWidth}).IgnoreError();
    const uint64_t flips = uint64_t{1} << random.Below(64) | uint64_t{1} << random.Below(64);
    hashes.emplace_back(evaluation::Mix64(shown) ^ flips);
  }
  std::vector<size_t> firsts;
  figures["images"] = images;
  figures["merge_seconds"] = SecondsOf([&] { firsts = MergeNearDuplicates(hashes, embeddings); });
  size_t merged = 0;
  for (size_t i = 0; i < images; ++i) merged += static_cast<size_t>(firsts[i] != i);
  figures["merged"] = merged;
}

void Run(const std::array<size_t, 6>& sizes) {
  SeededRandom random(1);
  nlohmann::ordered_json figures;
  TimePool(sizes[0], sizes[1], random, figures);
  TimeBudget(sizes[2], sizes[3], sizes[4], random, figures);
  TimeDuplicates(sizes[5], random, figures);
  std::printf("%s\n", figures.dump().c_str());
}

}  // namespace
}  // namespace loupe::ranking

int main(int argc, char** argv) {
  std::array<size_t, 6> sizes{};
  bool known = argc == 7;
  for (size_t i = 0; known && i < sizes.size(); ++i) {
    sizes[i] = std::strtoull(argv[i + 1], nullptr, 10);
    known = sizes[i] > 0;
  }
  if (!known) {
    std::fprintf(stderr, "usage: loupe-bench-diversity ROWS PICKS CANDIDATES CENTRES BUDGET IMAGES\n");
    return 2;
  }
  loupe::ranking::Run(sizes);
  return 0;
}
