#include "bench/run/attempt.hpp"

#include "bench/access/slot_access.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {

std::string with_tools(const std::string& message, const Experiment& experiment) {
  const auto& tools = SlotAccess::failed_tools(experiment);
  if (tools.empty() || message.starts_with("tool '")) return message;
  const std::string subject = "tool '" + join(tools, "' or '") + "': ";
  // A message that begins with the name of the tool would name it twice.
  const std::string own = tools.front() + ": ";
  return subject + (message.starts_with(own) ? message.substr(own.size()) : message);
}

std::string with_source(const std::string& message, const Experiment& experiment) {
  const auto& tools = SlotAccess::failed_tools(experiment);
  if (tools.empty() || message.starts_with("tool '")) return message;
  return message + " (saved from tool '" + join(tools, "' or '") + "')";
}

}  // namespace lensbench
