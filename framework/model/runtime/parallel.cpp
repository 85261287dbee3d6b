#include "model/runtime/parallel.hpp"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "model/runtime/threads.hpp"

namespace lensbench {
/// A counter of tasks that threads take from, so that uneven tasks are balanced. The order in which
/// tasks run is open: a task must not depend on another one.
namespace {

class Work {
 public:
  Work(std::int64_t count, const std::function<void(std::int64_t)>& work)
      : count_(count), work_(work), gradients_(c10::GradMode::is_enabled()) {}

  void take_all() noexcept {
    const c10::AutoGradMode mode(gradients_);  // libtorch keeps it per thread
    try {
      for (std::int64_t i = next_++; i < count_; i = next_++) work_(i);
    } catch (...) {
      // The other threads stop after the task they are in.
      next_ = count_;
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const std::int64_t count_;
  const std::function<void(std::int64_t)>& work_;
  const bool gradients_;
  std::atomic<std::int64_t> next_ = 0;
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

void for_each_parallel(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  Work shared(count, work);
  {
    // Joined at the end of the block, before an exception may leave.
    std::vector<std::jthread> helpers;
    const std::int64_t threads = std::min<std::int64_t>(thread_report().threads, count);
    for (std::int64_t i = 1; i < threads; ++i) helpers.emplace_back([&] { shared.take_all(); });
    shared.take_all();
  }
  shared.rethrow();
}

}  // namespace lensbench
