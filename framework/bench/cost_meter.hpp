#pragma once

#include <chrono>
#include <lensbench/experiment.hpp>
#include <lensbench/profile.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "core/costs.hpp"
#include "core/peak_memory.hpp"

namespace lensbench {

/// Time and memory of a run's cases and of their tools.
class LENSBENCH_API CostMeter final : public ToolMeter {
 public:
  /// \param profile  of the run's model; may be nullptr
  explicit CostMeter(Profile* profile) : profile_(profile) {}

  void begin_case();
  CaseCosts end_case();
  /// Most over the whole life of the process; NaN where the system does not say.
  double peak_memory_bytes() { return memory_.overall(); }

  void begin(const std::string& tool) override;
  void end() noexcept override;

 private:
  using Clock = std::chrono::steady_clock;

  Profile* profile_;
  std::mutex mutex_;  ///< an experiment may call tools from threads of its own
  PeakMemory memory_;
  CaseCosts costs_;
  Clock::time_point case_began_, tool_began_;
  int depth_ = 0;  ///< calls that are not over; the first has it all
  Cost* outermost_ = nullptr;
};

/// Slots that tell a meter of their calls while this lives.
class MeteredSlots {
 public:
  MeteredSlots(const std::vector<ToolSlot*>& slots, ToolMeter& meter) : slots_(slots) {
    for (ToolSlot* slot : slots_) slot->set_meter(&meter);
  }
  ~MeteredSlots() {
    for (ToolSlot* slot : slots_) slot->set_meter(nullptr);
  }
  MeteredSlots(const MeteredSlots&) = delete;
  MeteredSlots& operator=(const MeteredSlots&) = delete;

 private:
  const std::vector<ToolSlot*>& slots_;
};

}  // namespace lensbench
