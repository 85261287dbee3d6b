#pragma once

#include <cstdint>
#include <functional>

namespace lensbench {

/// Calls `work(i)` for every i below `count` on `thread_report().threads` threads, including the
/// calling one. The other threads sleep between calls: threads that spin would take cores from the
/// BLAS's own threads. A call within another one, or at the same time, starts threads of its own.
/// \throws the exception of the first `work` that threw, after all threads have stopped
void for_each_parallel(std::int64_t count, const std::function<void(std::int64_t)>& work);

/// The same on `threads` threads, which start for this call: for few pieces of work that each take
/// long. With more than one thread, the calls of `for_each_parallel` within a piece run on the
/// thread of the piece alone, since the other pieces use the other cores.
void for_each_on_threads(std::int64_t threads, std::int64_t count,
                         const std::function<void(std::int64_t)>& work);

}  // namespace lensbench
