#pragma once

#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/run/run_plan.hpp"
#include "archive/variable_diff.hpp"
#include "core/text/json_difference.hpp"

namespace lensbench {

struct DatasetDifference {
  std::string name;
  std::vector<FactDifference> attributes;
  std::vector<VariableDifference> variables;  ///< every variable, in the first archive's order
  /// Of all its variables the first token in which one differs, with its case; empty if none does.
  std::string first_token, first_case;
};

/// Where two runs part.
struct ArchiveDifference {
  std::vector<FactDifference> recipe;       ///< request, files, plug-ins, cases, source
  std::vector<FactDifference> environment;  ///< versions, kernels, threads, CPU
  std::vector<FactDifference> outcomes;     ///< cases that completed in one and not in the other
  std::vector<DatasetDifference> datasets;  ///< every dataset, by name

  bool same_recipe() const { return recipe.empty(); }
  bool same_environment() const { return environment.empty(); }
  /// The worst over all variables; attributes and outcomes that differ count as different.
  LENSBENCH_API Agreement results() const;
};

/// Compares content; reads one dataset of each at a time.
/// \throws InputError for an archive that cannot be read
LENSBENCH_API ArchiveDifference diff_archives(const ArchiveReader& first,
                                              const ArchiveReader& second);

/// What a plan asks otherwise than the archive's recipe.
LENSBENCH_API std::vector<FactDifference> diff_recipe(const ArchiveReader& archive,
                                                      const RunPlan& plan);
LENSBENCH_API std::vector<FactDifference> diff_recipe(const ArchiveReader& first,
                                                      const ArchiveReader& second);

/// For a reader: what was asked otherwise, then each variable that is not identical.
LENSBENCH_API std::string describe(const ArchiveDifference& difference);

/// For a script; sorted and stable.
LENSBENCH_API nlohmann::json to_json(const ArchiveDifference& difference);

}  // namespace lensbench
