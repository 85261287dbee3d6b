#pragma once

#include <chrono>
#include <lensbench/profile.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "bench/access/slot_access.hpp"
#include "bench/tool_meter.hpp"
#include "core/costs.hpp"
#include "core/peak_memory.hpp"

namespace lensbench {

/// Time and memory of the cases of a run and of their tools.
class CostMeter final : public ToolMeter {
 public:
  /// \param profile  profile of the run's model; may be nullptr
  explicit CostMeter(Profile* profile) : profile_(profile) {}

  void begin_case();
  CaseCosts end_case();
  /// Peak over the whole process; NaN where the system does not report it.
  double peak_memory_bytes() { return memory_.overall(); }

  void begin(const std::string& tool) override;
  void end() noexcept override;

 private:
  using Clock = std::chrono::steady_clock;

  Profile* profile_;
  std::mutex mutex_;  ///< an experiment may call tools from its own threads
  PeakMemory memory_;
  CaseCosts costs_;
  Clock::time_point case_began_, tool_began_;
  int depth_ = 0;  ///< number of nested calls; the outermost is charged
  Cost* outermost_ = nullptr;
};

/// Costs of one of several cases that ran together.
/// \param costs  costs of all of them
/// \param cases  their number
/// \param first  whether it is the first one, which gets the profile: it is summed over the cases
CaseCosts share_of(const CaseCosts& costs, std::size_t cases, bool first);

/// Reports the tool calls of some slots to a meter during its lifetime.
class MeteredSlots {
 public:
  MeteredSlots(const std::vector<ToolSlot*>& slots, ToolMeter& meter) : slots_(slots) {
    for (ToolSlot* slot : slots_) SlotAccess::set_meter(*slot, &meter);
  }
  ~MeteredSlots() {
    for (ToolSlot* slot : slots_) SlotAccess::set_meter(*slot, nullptr);
  }
  MeteredSlots(const MeteredSlots&) = delete;
  MeteredSlots& operator=(const MeteredSlots&) = delete;

 private:
  const std::vector<ToolSlot*>& slots_;
};

}  // namespace lensbench
