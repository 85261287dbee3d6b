#pragma once

#include <lensbench/experiment.hpp>
#include <map>
#include <string>
#include <vector>

#include "bench/runner.hpp"
#include "support/memory_sink.hpp"

namespace lensbench::testing {

/// A shipped experiment that ran in this process: what each case saved, and the summaries.
struct ExperimentRun {
  MemorySink sink;
  RunReport report;

  /// What the cases that completed saved under a name, in order.
  std::vector<Dataset> saved(const std::string& name) const;
  /// Number of reads of the dataset of one case, for the case with the most reads.
  int most_reads(const std::string& name) const;
};

/// Prompts of different length for the embedded model, one of which cannot run: its number is
/// `kBrokenCase`.
std::vector<CaseInput> prompts_with_a_broken_one();
inline constexpr std::int64_t kBrokenCase = 2;

/// Runs a plug-in of the build tree on a model.
/// \param set  parameters that are not to have their default
ExperimentRun run_experiment(const std::string& name, const std::string& model,
                             const std::vector<CaseInput>& cases,
                             const std::map<std::string, std::string>& set = {},
                             std::uint64_t seed = 0);

}  // namespace lensbench::testing
