#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench::cli {

/// One part of a planned run.
struct PlannedPart {
  std::int64_t cases = 0, tokens = 0;
};

/// What `plan` says of a run.
struct PlannedRun {
  std::string folder;   ///< `results/name.run`
  std::string command;  ///< command that computes a part, without `--shard`
  bool is_new = true;   ///< false: it was planned before
  std::int64_t cases = 0, tokens = 0, passes = 1;
  std::vector<PlannedPart> parts;
  std::int64_t blocks = 0;           ///< of a run by as many ranks of MPI
  std::optional<double> bytes = {};  ///< expected bytes of the results of the first pass
  std::string measured = {};         ///< id of the case by which they are known
};

/// Median of the numbers of tokens: index of the case that is measured. Cases without tokens do not
/// count; empty without others.
std::optional<std::size_t> median_case(const std::vector<std::int64_t>& tokens);

/// Words of the command that runs what `plan` plans.
std::vector<std::string> words_of_run(const std::vector<std::string>& words_of_plan);

/// Text for a terminal, with the commands to submit.
std::string plan_text(const PlannedRun& plan);
nlohmann::json plan_json(const PlannedRun& plan);

}  // namespace lensbench::cli
