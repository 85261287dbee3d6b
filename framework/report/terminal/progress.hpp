#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "report/terminal/terminal.hpp"

namespace lensbench {

/// Progress of a long run on stderr: in a terminal one line that is redrawn at most ten times a
/// second and erased at the end; otherwise (a log) a plain line at most every 10 s.
class ProgressBar {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// \param total  number of cases
  /// \param fd     file descriptor for the output, which must remain open while this object exists
  /// \param noun   noun for what is counted, in the plural
  ProgressBar(std::int64_t total, int fd, std::string noun = "cases");
  /// Progress bar with a given style and clock, for tests.
  ProgressBar(std::int64_t total, int fd, std::string noun, bool live, TerminalStyle style,
              Clock clock);
  /// Erases the bar if `finish` was not called because of an exception.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Updates the bar.
  /// \param done    number of finished cases, including failed ones
  /// \param failed  number of failed cases
  void step(std::int64_t done, std::int64_t failed = 0);
  /// Updates the part of the bar about the work within the current item.
  /// \param done   finished steps
  /// \param total  all steps; 0 if unknown
  void work(std::int64_t done, std::int64_t total);
  /// Erases the bar; later calls of `step` write nothing.
  void finish();

 private:
  std::string estimate(std::int64_t done) const;
  std::string live_line() const;
  void draw(bool at_once);
  void write(const std::string& text) const;

  std::int64_t total_;
  int fd_;
  std::string noun_;
  bool live_;
  TerminalStyle style_;
  Clock clock_;
  std::chrono::steady_clock::time_point start_, last_;
  std::int64_t done_ = 0, failed_ = 0;
  std::string work_;  ///< work within the current item, in words
  bool drawn_ = false;
  bool finished_ = false;
};

/// Duration in whole seconds, rounded up: `0:07`, `12:30`, `3:05:00`.
std::string clock_text(double seconds);

}  // namespace lensbench
