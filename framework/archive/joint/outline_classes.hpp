#pragma once

#include <cstddef>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace lensbench {

/// Finds units whose datasets cannot be joined with those of earlier units of the plan. A process
/// that has the run alone refuses such a dataset when its case ends; one that shares the run does
/// not see the cases of the others, so that the seal decides, in the order of the plan.
class OutlineClasses {
 public:
  /// Notes a dataset of a unit that is complete. \param at  place of the unit in the plan
  void note(std::size_t at, const std::string& name, const Dataset& dataset);
  /// The units that the first unit of the plan with a dataset of that name contradicts, each with
  /// the error of its case.
  std::map<std::size_t, std::string> contradictions() const;

 private:
  /// Datasets of one name.
  struct Named {
    std::vector<Dataset> outlines;  ///< one of each kind that cannot be joined with others
    std::map<std::size_t, std::size_t> kinds;  ///< unit -> number of its kind
  };
  std::map<std::string, Named> named_;
};

}  // namespace lensbench
