#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <utility>

#include "core/costs.hpp"

namespace lensbench {

/// The costs of a run's cases as they come, for `/run`. Of the profile only sums are kept.
class LENSBENCH_API RunCosts {
 public:
  void add(std::int64_t case_number, CaseCosts costs);

  /// Dimensions case, tool and, if there is a profile, block and component. NaN where a peak is not
  /// known; a tool that a case did not call has 0 calls.
  Dataset table() const;

 private:
  void add_tools(Dataset& table) const;
  void add_profile(Dataset& table) const;

  std::map<std::int64_t, CaseCosts> cases_;
  std::map<std::pair<std::int64_t, std::string>, ProfileEntry> profile_;
};

}  // namespace lensbench
