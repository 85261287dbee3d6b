#pragma once

#include <cstdint>
#include <functional>

namespace lensbench {

/// Calls `work(i)` for every i below `count` on `thread_report().threads` threads, including the
/// calling one. The other threads end with the call: idle pool threads that spin would take cores
/// from the BLAS's own threads.
/// \throws the exception of the first `work` that threw, after all threads have stopped
void for_each_parallel(std::int64_t count, const std::function<void(std::int64_t)>& work);

}  // namespace lensbench
