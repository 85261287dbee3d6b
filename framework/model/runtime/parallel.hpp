#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/export.hpp>

namespace lensbench {

/// Calls `work(i)` for every i below `count`, on as many threads as `thread_report().threads`; the
/// caller's is one of them. The threads end with the call: a pool that waits in a loop for more
/// would take the cores from the BLAS's own.
/// \throws what the first `work` that threw threw, after all have stopped
LENSBENCH_API void for_each_parallel(std::int64_t count,
                                     const std::function<void(std::int64_t)>& work);

}  // namespace lensbench
