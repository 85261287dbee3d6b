#include "plugin/load_probe.hpp"

#include <poll.h>

#include <algorithm>
#include <memory>
#include <thread>

// Trials of many libraries by several child processes. A child has the copy of the memory of this
// process that fork makes, so that starting one costs as much time as loading a few libraries:
// each gets at least that many.

namespace lensbench {
namespace {

using TrialClock = std::chrono::steady_clock;

constexpr std::size_t kLeastLibraries = 8;
// Milliseconds between two looks at a child without a message: a process that a library started may
// keep the pipe open after the child ends. A child that has closed it mostly ends soon.
constexpr int kWait = 50, kShortWait = 5;

/// Libraries that one child after another tries, in their order.
class TrialPart {
 public:
  using Verdicts = std::vector<std::optional<PluginError>>;

  TrialPart(const std::vector<TrialLibrary>& libraries, std::vector<std::size_t> order,
            std::chrono::milliseconds limit)
      : libraries_(libraries), order_(std::move(order)), limit_(limit) {}

  /// Starts a child for the libraries that remain. \return false if none do
  bool goes_on() {
    if (at_ < order_.size() && child_ == nullptr) {
      child_ = std::make_unique<TrialChild>(libraries_, std::span(order_).subspan(at_));
      begin_library();
    }
    return child_ != nullptr;
  }
  int messages() const { return child_->messages(); }

  /// Takes a message that is there; else the library is refused if the child has ended or its time
  /// is over. In this order: a child that has ended does not send anything more.
  void proceed(Verdicts& verdicts) {
    const bool is_over = child_->has_ended() || TrialClock::now() >= until_;
    if (child_->has_message()) {
      if (const auto message = child_->read()) take(*message, verdicts);
    } else if (is_over) {
      give_up(verdicts);
    }
  }

 private:
  /// Each library has the whole limit for itself.
  void begin_library() {
    step_ = "loading it";
    until_ = TrialClock::now() + limit_;
  }

  void take(const TrialMessage& message, Verdicts& verdicts) {
    if (message.kind == TrialMessage::step || message.kind == TrialMessage::was_read) {
      step_ = message.text.data();
      // The time for reading a library depends on the disk, not on its code.
      if (message.kind == TrialMessage::was_read) until_ = TrialClock::now() + limit_;
      return;
    }
    if (message.kind == TrialMessage::refused)
      verdicts[order_[at_]] = PluginError(message.fault, message.text.data());
    ++at_;
    if (at_ == order_.size()) child_.reset();
    begin_library();
  }

  /// The library that the child was trying when it ended is refused.
  void give_up(Verdicts& verdicts) {
    const std::size_t library = order_[at_];
    verdicts[library] =
        PluginError(PluginFault::crashed, "plug-in '" + libraries_[library].path.string() +
                                              "': " + step_ + " " + child_->end(limit_) +
                                              "; fix its static initialisers and constructors");
    child_.reset();
    ++at_;
  }

  const std::vector<TrialLibrary>& libraries_;
  std::vector<std::size_t> order_;
  std::chrono::milliseconds limit_;
  std::size_t at_ = 0;  ///< place in the order of the library that is being tried
  std::unique_ptr<TrialChild> child_;
  std::string step_;
  TrialClock::time_point until_;
};

/// Deals the libraries out, so that neighbours, which often are of one kind and size, are in
/// different parts.
std::vector<TrialPart> trial_parts(const std::vector<TrialLibrary>& libraries,
                                   std::chrono::milliseconds limit) {
  std::vector<std::vector<std::size_t>> orders(
      trial_children(libraries.size(), std::thread::hardware_concurrency()));
  for (std::size_t i = 0; i < libraries.size(); ++i) orders[i % orders.size()].push_back(i);
  std::vector<TrialPart> parts;
  for (auto& order : orders) parts.emplace_back(libraries, std::move(order), limit);
  return parts;
}

}  // namespace

std::size_t trial_children(std::size_t n_libraries, std::size_t n_processors) {
  return std::max<std::size_t>(1, std::min(n_processors, n_libraries / kLeastLibraries));
}

std::vector<std::optional<PluginError>> probe_libraries(const std::vector<TrialLibrary>& libraries,
                                                        std::chrono::milliseconds limit) {
  TrialPart::Verdicts verdicts(libraries.size());
  std::vector<TrialPart> parts = trial_parts(libraries, limit);
  for (;;) {
    std::vector<TrialPart*> active;
    std::vector<pollfd> waiting;
    int wait = kWait;
    for (TrialPart& part : parts) {
      if (!part.goes_on()) continue;
      active.push_back(&part);
      // `poll` ignores a negative descriptor.
      waiting.push_back({part.messages(), POLLIN, 0});
      if (part.messages() < 0) wait = kShortWait;
    }
    if (active.empty()) return verdicts;
    poll(waiting.data(), waiting.size(), wait);
    for (TrialPart* part : active) part->proceed(verdicts);
  }
}

}  // namespace lensbench
