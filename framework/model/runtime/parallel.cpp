#include "model/runtime/parallel.hpp"

#include <c10/core/GradMode.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
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

/// Threads that wait between calls, so that a call does not pay for starting them: a generation
/// step makes dozens of calls that take a fraction of a millisecond each. They wait for a moment in
/// a loop that yields its processor, then asleep.
class Helpers {
 public:
  /// Takes part in the work together with up to `most` helpers.
  /// \return false if the helpers serve another call or were left in the process that forked
  bool try_run(Work& work, std::int64_t most) {
    if (::getpid() != process_ || busy_.exchange(true)) return false;
    const Release release{busy_};
    for (; threads_ < most; ++threads_) std::thread([this] { serve(); }).detach();
    {
      const std::lock_guard lock(mutex_);
      work_ = &work;
      places_ = most;
      ++call_;
    }
    wake_.notify_all();
    work.take_all();
    finish();
    return true;
  }

 private:
  struct Release {
    std::atomic<bool>& busy;
    ~Release() { busy = false; }
  };

  /// Returns after the helpers that take part; others, which may be waiting for a processor, find
  /// no work when they wake.
  void finish() {
    std::unique_lock lock(mutex_);
    work_ = nullptr;
    lock.unlock();
    for (int i = 0; i < kYields && active_ > 0; ++i) std::this_thread::yield();
    lock.lock();
    done_.wait(lock, [this] { return active_ == 0; });
  }

  void serve() {
    std::uint64_t seen = 0;
    for (;;) {
      for (int i = 0; i < kYields && call_ == seen; ++i) std::this_thread::yield();
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return call_ != seen; });
      seen = call_;
      if (work_ == nullptr || places_ == 0) continue;
      --places_;
      ++active_;
      Work& work = *work_;
      lock.unlock();
      work.take_all();
      lock.lock();
      if (--active_ == 0) done_.notify_one();
    }
  }

  static constexpr int kYields = 200;  // tens of microseconds
  const pid_t process_ = ::getpid();
  std::atomic<bool> busy_ = false;  // true while the helpers serve a call
  std::int64_t threads_ = 0;        // started; changed only by the call that is served
  std::mutex mutex_;  // guards what follows; the atomic numbers are also read without it
  std::condition_variable wake_, done_;
  Work* work_ = nullptr;     // null when no helper may begin
  std::int64_t places_ = 0;  // helpers that may still begin
  std::atomic<int> active_ = 0;
  std::atomic<std::uint64_t> call_ = 0;
};

/// Whether the loops of this thread run on it alone.
bool& runs_alone() {
  thread_local bool alone = false;
  return alone;
}

/// Makes the loops of this thread run on it alone while the object exists.
class Alone {
 public:
  explicit Alone(bool alone) : before_(std::exchange(runs_alone(), alone || runs_alone())) {}
  ~Alone() { runs_alone() = before_; }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  bool before_;
};

/// Takes all work on this thread and on new ones, which have ended when it returns.
void take_on_new_threads(Work& work, std::int64_t threads, bool alone) {
  const auto take = [&work, alone] {
    const Alone scope(alone);
    work.take_all();
  };
  std::vector<std::jthread> own;
  for (std::int64_t i = 1; i < threads; ++i) own.emplace_back(take);
  take();
}

/// The helpers of the process. They are never destroyed, since threads may wait for them at exit.
Helpers& helpers() {
  static Helpers* const all = new Helpers;
  return *all;
}

}  // namespace

void for_each_parallel(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  Work shared(count, work);
  const std::int64_t threads = runs_alone() ? 1 : std::min<std::int64_t>(thread_count(), count);
  if (threads <= 1)
    shared.take_all();
  else if (!helpers().try_run(shared, threads - 1))
    take_on_new_threads(shared, threads, false);
  shared.rethrow();
}

void for_each_on_threads(std::int64_t threads, std::int64_t count,
                         const std::function<void(std::int64_t)>& work) {
  Work shared(count, work);
  const std::int64_t used = std::min(threads, count);
  take_on_new_threads(shared, used, used > 1);
  shared.rethrow();
}

}  // namespace lensbench
