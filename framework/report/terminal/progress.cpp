#include "report/terminal/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "report/terminal/text.hpp"

namespace lensbench {
namespace {

using std::chrono::steady_clock;

double seconds_between(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// A dumb terminal cannot erase a line: it gets the lines of a log.
bool is_live(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

std::string bar(double share, int width, bool unicode) {
  const int filled = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
  std::string out;
  for (int i = 0; i < width; ++i) out += i < filled ? (unicode ? "█" : "#") : (unicode ? "░" : "-");
  return out;
}

}  // namespace

std::string clock_text(double seconds) {
  // Rounded up, so that a run that still goes on never has 0:00 left.
  const auto whole = static_cast<std::int64_t>(std::ceil(std::max(0.0, seconds)));
  std::array<char, 48> buffer{};
  if (whole >= 3600)
    std::snprintf(buffer.data(), buffer.size(), "%lld:%02lld:%02lld",
                  static_cast<long long>(whole / 3600), static_cast<long long>(whole / 60 % 60),
                  static_cast<long long>(whole % 60));
  else
    std::snprintf(buffer.data(), buffer.size(), "%lld:%02lld", static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  return buffer.data();
}

ProgressBar::ProgressBar(std::int64_t total, int fd, std::string noun)
    : ProgressBar(total, fd, std::move(noun), is_live(fd), detect_terminal(fd),
                  [] { return steady_clock::now(); }) {}

ProgressBar::ProgressBar(std::int64_t total, int fd, std::string noun, bool live,
                         TerminalStyle style, Clock clock)
    : total_(total),
      fd_(fd),
      noun_(std::move(noun)),
      live_(live),
      style_(style),
      clock_(std::move(clock)),
      start_(clock_()),
      last_(start_) {}

/// An exception leaves the bar drawn; the error message must begin on a clean line.
ProgressBar::~ProgressBar() {
  if (!finished_ && drawn_) write("\r\x1b[K");
}

// The estimate uses the average over all cases so far, because a moving average would fluctuate.
std::string ProgressBar::estimate(std::int64_t done) const {
  if (done <= 0 || done >= total_) return "";
  const double spent = seconds_between(start_, clock_());
  return clock_text(spent / static_cast<double>(done) * static_cast<double>(total_ - done)) +
         " left";
}

std::string ProgressBar::live_line() const {
  const double share = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1.0;
  const std::string head = std::to_string(done_) + "/" + std::to_string(total_) + " " + noun_ + " ";
  std::string tail = terminal::cat({" ", std::to_string(static_cast<int>(share * 100)), " %"});
  if (failed_ > 0) tail += ", " + std::to_string(failed_) + " failed";
  if (const auto left = estimate(done_); !left.empty()) tail += ", " + left;
  tail += work_;
  const int used = terminal::display_width(head) + terminal::display_width(tail);
  // The last column is left free, because some terminals wrap a line that fills it.
  const int room = std::min(40, style_.columns - 1 - used);
  // A bar of fewer than five cells would say less than the numbers: it is left out.
  const std::string line = head + (room >= 5 ? bar(share, room, style_.unicode) : "") + tail;
  return terminal::shorten(line, style_.columns - 1, style_.unicode);
}

/// Limits the rate of output: ten times a second in a terminal, except for the last case
/// (`at_once`), and a line every 10 s in a log.
void ProgressBar::draw(bool at_once) {
  if (finished_) return;
  const auto now = clock_();
  const double since = seconds_between(last_, now);
  if (live_) {
    if (drawn_ && since < 0.1 && !at_once) return;
    write("\r\x1b[K" + live_line());
  } else {
    if (since < 10.0) return;
    std::string line = std::to_string(done_) + " of " + std::to_string(total_) + " " + noun_;
    if (failed_ > 0) line += ", " + std::to_string(failed_) + " failed";
    if (const auto left = estimate(done_); !left.empty()) line += ", about " + left;
    write(line + work_ + "\n");
  }
  // Lines of a log remain, so that there is nothing to erase at the end.
  drawn_ = live_;
  last_ = now;
}

void ProgressBar::step(std::int64_t done, std::int64_t failed) {
  done_ = done;
  failed_ = failed;
  // The words about steps belong to the item that has just finished.
  work_.clear();
  draw(done >= total_);
}

void ProgressBar::work(std::int64_t done, std::int64_t total) {
  work_ = ", step " + std::to_string(done) + (total > 0 ? " of " + std::to_string(total) : "");
  draw(false);
}

void ProgressBar::finish() {
  if (drawn_) write("\r\x1b[K");
  finished_ = true;
}

// Errors are ignored, because a closed stderr must not end a run.
void ProgressBar::write(const std::string& text) const {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    // A signal handler ran meanwhile; the rest of the text is still to write.
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace lensbench
