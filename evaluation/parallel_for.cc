#include "evaluation/parallel_for.h"

#include <tbb/blocked_range.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>

#ifdef LOUPE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace loupe::evaluation {
namespace {

// One thread leaves, then another enters: tells ThreadSanitizer that the second comes after the first. It
// can't see that by itself, since oneTBB is compiled without it.
class Passage {
 public:
#ifdef LOUPE_THREAD_SANITIZER
  void Leave() { __tsan_release(this); }
  void Enter() { __tsan_acquire(this); }
#else
  void Leave() {}
  void Enter() {}
#endif
};

}  // namespace

void ParallelFor(size_t count, int threads, const std::function<void(size_t)>& work) {
  const int wanted = threads > 0 ? threads : tbb::info::default_concurrency();
  const size_t used = std::min(static_cast<size_t>(wanted), count);
  if (used <= 1) {
    for (size_t i = 0; i < count; ++i) work(i);
    return;
  }
  Passage begin;
  Passage end;
  begin.Leave();
  // An arena of its own holds the loop to `used` threads, and the caller to this loop.
  tbb::task_arena arena(static_cast<int>(used));
  arena.execute([&] {
    tbb::parallel_for(tbb::blocked_range<size_t>(0, count), [&](const tbb::blocked_range<size_t>& range) {
      begin.Enter();
      for (size_t i = range.begin(); i < range.end(); ++i) work(i);
      end.Leave();
    });
  });
  end.Enter();
}

}  // namespace loupe::evaluation
