#include "report/summary/progress_text.hpp"

#include <algorithm>
#include <vector>

#include "core/text/number_text.hpp"
#include "core/text/printable.hpp"
#include "report/terminal/progress.hpp"

namespace lensbench {
namespace {

std::string rate_text(const SharedProgress& progress) {
  if (progress.units == 0 || progress.seconds <= 0) return "";
  const double rate = static_cast<double>(progress.units) / progress.seconds;
  const std::size_t left = progress.planned - std::min(progress.units, progress.planned);
  std::string text = "Rate: " + rounded_text(rate) + " cases a second since the run began";
  if (left > 0)
    text += "; at this rate " + clock_text(static_cast<double>(left) / rate) + " more for " +
            std::to_string(left);
  return text + "\n";
}

}  // namespace

/// The processes that wrote most recently come first. Those that have ended are among them, since
/// nothing but their files says that they exist.
std::string progress_text(const SharedProgress& progress) {
  constexpr std::size_t kMost = 20;
  std::string text = "Progress: " + std::to_string(progress.units) + " of " +
                     std::to_string(progress.planned) + " (cases of all passes)\n" +
                     rate_text(progress);
  std::vector<SeenWriter> writers = progress.writers;
  std::stable_sort(writers.begin(), writers.end(), [](const SeenWriter& a, const SeenWriter& b) {
    return a.last_seconds > b.last_seconds;
  });
  text += "Processes that have written: " + std::to_string(writers.size()) + "\n";
  for (std::size_t i = 0; i < std::min(kMost, writers.size()); ++i)
    text += "  part " + printable(writers[i].part) + " on " + printable(writers[i].host) + ": " +
            std::to_string(writers[i].units) + ", the last after " +
            clock_text(writers[i].last_seconds) + "\n";
  if (writers.size() > kMost) text += "  and " + std::to_string(writers.size() - kMost) + " more\n";
  return text;
}

}  // namespace lensbench
