#include <exception>
#include <lensbench/experiment.hpp>
#include <utility>

#include "bench/tool_meter.hpp"

namespace lensbench {

ToolMeter::~ToolMeter() = default;

/// Slots register with their experiment, which thus knows its tools before it runs.
ToolSlot::ToolSlot(Experiment* owner, std::string tool_name)
    : owner_(owner), tool_name_(std::move(tool_name)) {
  owner->slots_.push_back(this);
}

ToolSlot::~ToolSlot() = default;

/// The observer is remembered for the whole call, since the slot may lose it meanwhile.
ToolSlot::Call::Call(const ToolSlot& slot)
    : slot_(slot), meter_(slot.meter_), exceptions_before_(std::uncaught_exceptions()) {
  slot_.owner_->failed_tools_.clear();
  if (meter_ != nullptr) meter_->begin(slot_.tool_name_);
}

/// An exception that began during the call came from this tool; the experiment collects the names
/// for the message.
ToolSlot::Call::~Call() {
  if (meter_ != nullptr) meter_->end();
  if (std::uncaught_exceptions() > exceptions_before_)
    slot_.owner_->failed_tools_.push_back(slot_.tool_name_);
}

}  // namespace lensbench
