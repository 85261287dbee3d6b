#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <utility>

#include "core/costs.hpp"

namespace lensbench {

/// Collects the costs of the cases of a run for `/run`. Profiles are kept only as sums.
class RunCosts {
 public:
  void add(std::int64_t case_number, CaseCosts costs);

  /// Table of costs with dimensions case, tool and, with a profile, block and component. NaN is an
  /// unknown peak; a tool that a case did not call has 0 calls.
  Dataset table() const;

 private:
  void add_tools(Dataset& table) const;
  void add_profile(Dataset& table) const;

  std::map<std::int64_t, CaseCosts> cases_;
  std::map<std::pair<std::int64_t, std::string>, ProfileEntry> profile_;
};

}  // namespace lensbench
