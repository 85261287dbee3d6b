#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "serve/server.hpp"
#include "support/http_client.hpp"

namespace lensbench::testing {

/// An engine whose answers the test gives.
class MadeEngine final : public serve::Engine {
 public:
  const nlohmann::json& description() const override { return description_; }

  std::optional<std::int64_t> ask(std::string body,
                                  std::function<void(serve::Answer)> done) override {
    const std::scoped_lock lock(mutex_);
    if (done_) return std::nullopt;
    asked_.push_back(std::move(body));
    done_ = std::move(done);
    changed_.notify_all();
    return std::ssize(asked_);
  }

  bool cancel(std::optional<std::int64_t> number) override {
    std::function<void(serve::Answer)> done;
    {
      const std::scoped_lock lock(mutex_);
      if (!done_ || (number && *number != std::ssize(asked_))) return false;
      ++cancelled_;
      done = std::exchange(done_, nullptr);
      changed_.notify_all();
    }
    done({serve::Answer::Kind::cancelled, ""});
    return true;
  }

  nlohmann::json progress() const override {
    const std::scoped_lock lock(mutex_);
    return {{"state", done_ ? "running" : "idle"}};
  }

  void save(std::int64_t number, std::function<void(serve::SavedArchive)> done) override {
    done(saved(number));
  }

  /// Waits until that many questions were asked.
  void wait_asked(std::int64_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return std::ssize(asked_) >= count; });
  }
  /// Waits until that many questions were cancelled. \return their number
  int wait_cancelled(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return cancelled_ >= count; });
    return cancelled_;
  }
  /// Answers the question that was asked.
  void answer(serve::Answer answer) {
    std::function<void(serve::Answer)> done;
    {
      const std::scoped_lock lock(mutex_);
      done = std::exchange(done_, nullptr);
    }
    done(std::move(answer));
  }
  std::vector<std::string> asked() const {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }

  std::function<serve::SavedArchive(std::int64_t)> saved;

 private:
  nlohmann::json description_ = {{"model", "<made & up>"}, {"tools", nlohmann::json::array()}};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> asked_;
  std::function<void(serve::Answer)> done_;
  int cancelled_ = 0;
};

/// A server in this process, on a thread of its own.
class Served {
 public:
  explicit Served(serve::ServerLimits limits = {})
      : server_(context_, engine, serve::listen_at(context_, 0), limits),
        address(server_.url()),
        thread_([this] { context_.run(); }) {}
  ~Served() {
    boost::asio::post(context_, [this] { server_.stop(); });
    thread_.join();
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

 private:
  boost::asio::io_context context_;

 public:
  MadeEngine engine;

 private:
  serve::Server server_;

 public:
  const HttpAddress address;

 private:
  std::thread thread_;
};

}  // namespace lensbench::testing
