// Splits a loop over the processor's threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace loupe::evaluation {

// Calls work(i) once for every i in [0, count), on `threads` threads (0: one for each processor) and in no
// particular order. Requires: work doesn't throw, and calls for different i don't touch the same data.
template <typename Work>
void ParallelFor(size_t count, int threads, const Work& work) {
  constexpr size_t kChunk = 16;
  size_t thread_count =
      threads > 0 ? static_cast<size_t>(threads) : std::max(1U, std::thread::hardware_concurrency());
  thread_count = std::min(thread_count, count);
  const size_t chunk = count > kChunk * thread_count * 4 ? kChunk : 1;
  std::atomic<size_t> next = 0;
  const auto run = [&] {
    for (size_t begin = next.fetch_add(chunk); begin < count; begin = next.fetch_add(chunk)) {
      for (size_t i = begin; i < std::min(begin + chunk, count); ++i) work(i);
    }
  };
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < thread_count; ++i) helpers.emplace_back(run);
  run();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace loupe::evaluation
