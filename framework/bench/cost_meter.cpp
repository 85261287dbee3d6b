#include "bench/cost_meter.hpp"

#include <cmath>
#include <utility>

namespace lensbench {
namespace {

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

void CostMeter::begin_case() {
  const std::lock_guard lock(mutex_);
  costs_ = {};
  if (profile_ != nullptr) profile_->take();  // drops costs from before the case
  memory_.begin();
  case_began_ = Clock::now();
}

CaseCosts CostMeter::end_case() {
  const std::lock_guard lock(mutex_);
  costs_.whole.seconds = seconds_since(case_began_);
  costs_.whole.peak_memory_bytes = memory_.end();
  costs_.whole.calls = 1;
  if (profile_ != nullptr) costs_.profile = profile_->take();
  return std::exchange(costs_, {});
}

/// Nested calls belong to the outermost tool, so that the times of a case add up.
void CostMeter::begin(const std::string& tool) {
  const std::lock_guard lock(mutex_);
  Cost& cost = costs_.tools[tool];
  ++cost.calls;
  if (depth_++ > 0) return;
  outermost_ = &cost;
  memory_.begin();
  tool_began_ = Clock::now();
}

/// noexcept, because it runs in destructors while an exception passes.
void CostMeter::end() noexcept {
  const std::lock_guard lock(mutex_);
  if (--depth_ > 0) return;
  outermost_->seconds += seconds_since(tool_began_);
  // fmax ignores a NaN, which means that there was no call before or that the system cannot tell.
  outermost_->peak_memory_bytes = std::fmax(outermost_->peak_memory_bytes, memory_.end());
}

/// Each case gets the same part of the time.
CaseCosts share_of(const CaseCosts& costs, std::size_t cases, bool first) {
  CaseCosts share = costs;
  share.whole.seconds /= static_cast<double>(cases);
  for (auto& [name, cost] : share.tools) cost.seconds /= static_cast<double>(cases);
  if (!first) share.profile.clear();
  return share;
}

}  // namespace lensbench
