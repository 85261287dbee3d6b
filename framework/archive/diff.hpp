#pragma once

#include <string>
#include <vector>

#include "archive/align.hpp"
#include "archive/archive_reader.hpp"
#include "archive/run/run_plan.hpp"
#include "archive/variable_diff.hpp"
#include "core/text/json_difference.hpp"

namespace lensbench {

struct DatasetDifference {
  std::string name;
  std::vector<FactDifference> attributes;
  std::vector<AxisDifference> axes;  ///< axes with labels that only one of the archives has
  std::vector<VariableDifference> variables;  ///< all variables, in the order of the first archive
  /// First token at which a variable differs, and its case; empty if no variable differs.
  std::string first_token, first_case;
};

/// Differences between two archives.
struct ArchiveDifference {
  std::vector<FactDifference> recipe;       ///< request, files, plug-ins, cases, source
  std::vector<FactDifference> environment;  ///< versions, kernels, threads, CPU
  std::vector<FactDifference> outcomes;     ///< cases that completed in only one of the archives
  std::vector<DatasetDifference> datasets;  ///< all datasets, sorted by name

  bool same_recipe() const { return recipe.empty(); }
  bool same_environment() const { return environment.empty(); }
  /// Worst agreement of all variables; a difference in attributes, labels of axes or outcomes
  /// counts as different.
  Agreement results() const;
};

/// Compares the contents of two archives by the labels of their axes (see `align`); reads one
/// dataset of each at a time.
/// \throws InputError for an archive that cannot be read
ArchiveDifference diff_archives(const ArchiveReader& first, const ArchiveReader& second);

/// Differences between the recipe of an archive and a plan, or between the recipes of two archives.
std::vector<FactDifference> diff_recipe(const ArchiveReader& archive, const RunPlan& plan);
std::vector<FactDifference> diff_recipe(const ArchiveReader& first, const ArchiveReader& second);

}  // namespace lensbench
