#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Labels of one axis that only one of two datasets has.
struct AxisDifference {
  std::string dim;
  std::vector<std::string> only_first, only_second;
  std::int64_t common = 0;  ///< number of labels that both have
  bool reordered = false;   ///< the common labels have another order in the second dataset
};

/// Two datasets, reduced to the labels that both have, in the order of the first.
struct AlignedDatasets {
  Dataset first, second;
  std::vector<AxisDifference> axes;  ///< axes whose labels differ; empty if nothing was reduced
};

/// Aligns two datasets by the coordinates of their axes: tokens by case and position, cases by id,
/// all other axes by their own coordinate. An axis without a coordinate, or with a label that
/// occurs twice, is left as it is, and its rows are compared by position.
/// \param first_ids, second_ids  ids of the cases of each archive, by number
AlignedDatasets align(const Dataset& first, const Dataset& second,
                      const std::vector<std::string>& first_ids,
                      const std::vector<std::string>& second_ids);

}  // namespace lensbench
