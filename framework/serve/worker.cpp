#include "serve/worker.hpp"

#include <utility>

namespace lensbench::serve {

Worker::Worker() : thread_([this] { work(); }) {}

Worker::~Worker() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool Worker::add(std::function<void()> job) {
  {
    const std::scoped_lock lock(mutex_);
    if (ends_ || jobs_.size() >= kMost) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_all();
  return true;
}

void Worker::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || !jobs_.empty(); });
    if (ends_) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace lensbench::serve
