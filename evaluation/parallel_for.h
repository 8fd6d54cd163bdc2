// A loop split over the processors.
#pragma once

#include <cstddef>
#include <functional>

namespace loupe::evaluation {

// Calls work(i) once for every i in [0, count), in any order and several at a time, and returns when all
// calls have returned. Runs on the calling thread and on oneTBB's, together at most `threads` (0: one per
// processor). The process has one set of oneTBB's threads, one less than processors: loops that run at the
// same time share them, and a larger `threads` starts no more. The caller may hold a lock: while it waits,
// its thread runs this loop and nothing else.
// Requires: work doesn't throw; calls for different i don't touch the same data. What they write then doesn't
// depend on `threads`.
void ParallelFor(size_t count, int threads, const std::function<void(size_t)>& work);

}  // namespace loupe::evaluation
