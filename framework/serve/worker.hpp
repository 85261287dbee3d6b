#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace lensbench::serve {

/// A thread that carries out jobs one after another, in their order.
class Worker {
 public:
  Worker();
  /// Waits for the job that runs; those that did not begin are discarded.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// \return false if too many jobs wait
  bool add(std::function<void()> job);

 private:
  void work();

  static constexpr std::size_t kMost = 16;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool ends_ = false;
  std::thread thread_;  ///< last, so that it begins when everything else exists
};

}  // namespace lensbench::serve
