#pragma once

#include <cstdint>
#include <lensbench/parameters.hpp>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "grading/scores/bootstrap.hpp"
#include "grading/scores/item_table.hpp"

namespace lensbench::grading {

/// What one entry claims on one task.
struct GradedTask {
  std::size_t task = 0;  ///< index into the list of all tasks
  ItemTable planted;
  std::optional<Table> shuffled;       ///< what it claims on the shuffled model
  std::optional<Table> permuted = {};  ///< what it claims of permuted labels or tokens
};

/// A metric of an entry, over all tasks. NaN where it is not defined or the control was not run.
struct Estimate {
  std::string name;
  double value = 0, low = 0, high = 0;
  double random = 0, random_low = 0, random_high = 0;
  double shuffled = 0, shuffled_low = 0, shuffled_high = 0;
  double difference = 0, difference_low = 0, difference_high = 0;  ///< planted minus shuffled
  double permuted = 0;
  /// Of features: what principal components of the tokens, and tokens themselves, reach.
  double components = std::numeric_limits<double>::quiet_NaN();
  double tokens = std::numeric_limits<double>::quiet_NaN();
  /// Of the first metric: how much worse it is than that of the best entry, see
  /// `compare_with_best`.
  double worse = std::numeric_limits<double>::quiet_NaN();
  double worse_low = std::numeric_limits<double>::quiet_NaN();
  double worse_high = std::numeric_limits<double>::quiet_NaN();

  /// (value - shuffled) / (1 - shuffled)
  double lift() const { return (value - shuffled) / (1 - shuffled); }
  /// Whether the shuffled model gives as much, within the interval.
  bool like_shuffled() const { return difference_low <= 0; }
};

/// One row: a tool with settings and one of its claims.
struct Entry {
  std::string tool, settings, claim;
  TableKind kind = TableKind::effects;
  bool has_unit = true;
  std::vector<GradedTask> tasks;
  std::vector<std::string> problems;  ///< contradictions and failed prompts
  double seconds_per_prompt = 0;
  std::vector<ParameterInfo> parameters;  ///< that the tool has
  Settings given;                         ///< what `settings` says
  /// Largest claim where nothing was changed, and largest change of a claim between two bases of
  /// the model, in units of the gap; NaN where the control was not run.
  double null_largest = std::numeric_limits<double>::quiet_NaN();
  double gauge_change = std::numeric_limits<double>::quiet_NaN();
  std::vector<Estimate> estimates;  ///< see `estimate`
  Table headline;  ///< first metric [draw][part]; NaN: a task that the entry does not have
};

/// Numbers of draws of the controls and the bootstrap.
struct ControlCounts {
  std::size_t bootstrap = 2000, random = 1000, permutations = 200;
};
struct Controls {
  bool random = true, shuffled = true, permuted = true, null = true, gauge = false;
};

/// Fills the estimates of an entry.
/// \param draws  of all tasks
void estimate(Entry& entry, const std::vector<Draw>& draws, const ControlCounts& counts,
              const Controls& controls, std::uint64_t seed);

/// Estimate of a metric by its name; nullptr if the entry has none.
const Estimate* find_estimate(const Entry& entry, const std::string& metric);

}  // namespace lensbench::grading
