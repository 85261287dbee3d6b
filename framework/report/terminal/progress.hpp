#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <lensbench/export.hpp>
#include <string>

#include "report/terminal/terminal.hpp"

namespace lensbench {

/// How far a long run is, on stderr. In a terminal one line that is drawn over itself, at most ten
/// times a second, and erased at the end; elsewhere (a log) one plain line at most every 10 s.
class LENSBENCH_API ProgressBar {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// \param total  how many cases there are
  /// \param fd     where to write; must stay open as long as this lives
  /// \param noun   what is counted, in the plural
  ProgressBar(std::int64_t total, int fd, std::string noun = "cases");
  /// For tests: a style that is given, and a clock.
  ProgressBar(std::int64_t total, int fd, std::string noun, bool live, TerminalStyle style,
              Clock clock);
  /// Erases the bar if `finish` was not called (an error is on its way).
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// \param done    cases that are over, failed ones among them
  /// \param failed  how many of them failed
  void step(std::int64_t done, std::int64_t failed = 0);
  /// Erases the bar. Nothing is written after it.
  void finish();

 private:
  std::string estimate(std::int64_t done) const;
  std::string live_line(std::int64_t done, std::int64_t failed) const;
  void write(const std::string& text) const;

  std::int64_t total_;
  int fd_;
  std::string noun_;
  bool live_;
  TerminalStyle style_;
  Clock clock_;
  std::chrono::steady_clock::time_point start_, last_;
  bool drawn_ = false;
  bool finished_ = false;
};

/// `0:07`, `12:30`, `3:05:00`: a duration in whole seconds, rounded up.
LENSBENCH_API std::string clock_text(double seconds);

}  // namespace lensbench
