#include "core/text/boolean.hpp"

// One list of spellings for parameters, options and prompts, so that none of them has its own.

namespace lensbench {

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "0" || text == "no" || text == "off") return false;
  return std::nullopt;
}

}  // namespace lensbench
