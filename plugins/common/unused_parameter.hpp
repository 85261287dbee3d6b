#pragma once

#include <algorithm>
#include <initializer_list>
#include <lensbench/error.hpp>
#include <lensbench/parameters.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Refuses parameters that differ from their defaults although the other parameters leave them
/// without a use: the user meant another computation than the one that would run.
/// \param tool   name for messages
/// \param names  parameters without a use
/// \param user   what would use them: `source=pair`
/// \throws UsageError
inline void refuse_unused(const Parameters& parameters, const std::string& tool,
                          std::initializer_list<const char*> names, const std::string& user) {
  for (const ParameterInfo& declared : parameters.declared()) {
    if (std::find(names.begin(), names.end(), declared.name) == names.end()) continue;
    // Values are in their canonical form, in which a default is only after it was resolved.
    const Parameters usual =
        Parameters::resolve(std::vector<ParameterInfo>{declared}, Settings(), tool);
    if (parameters.values().at(declared.name) != usual.values().at(declared.name))
      throw UsageError(tool + ": " + declared.name + " is set, but only " + user +
                       " uses it; set " + user + ", or leave out " + declared.name);
  }
}

}  // namespace lensbench
