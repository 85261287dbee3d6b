#pragma once

#include <string>

namespace lensbench {

/// Observer of all tool calls through slots, with which the bench measures their cost.
class ToolMeter {
 public:
  virtual ~ToolMeter();
  /// A call of this tool begins.
  virtual void begin(const std::string& tool) = 0;
  /// The most recent call that began has ended.
  virtual void end() noexcept = 0;
};

}  // namespace lensbench
