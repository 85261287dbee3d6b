#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text/json.hpp"

namespace lensbench {

/// One case as it was asked for.
struct CasePlan {
  std::string id;
  std::string text;  ///< empty when ids were given
  std::int64_t n_tokens = 0;
  std::string ids_sha256;              ///< of the token ids, as the command computes it
  std::vector<std::int64_t> ids = {};  ///< as the model is given them, `n_tokens` of them
};

/// A file the run read: a model shard, a tokenizer, an input.
struct FileRecord {
  std::string role;
  std::string name;
  std::string sha256;
  std::int64_t bytes = 0;
};

struct PluginRecord {
  std::string name;
  std::string version;
  std::string sha256;
  std::string entries;  ///< its tools and experiments with their versions
};

/// All that is asked of a run: what `/recipe` holds. Equal plans are the same run.
struct RunPlan {
  std::string title;
  std::string experiment;
  std::string experiment_version;
  nlohmann::json request;
  std::vector<FileRecord> files;
  std::vector<PluginRecord> plugins;
  std::vector<CasePlan> cases;
  std::string source;  ///< text of the experiment class as compiled
};

LENSBENCH_API nlohmann::json to_json(const RunPlan& plan);

/// Of the file `plan.json`, which this program wrote.
constexpr JsonLimits kPlanLimits = {.max_bytes = std::size_t{1} << 30, .max_depth = 64};

/// Name of the unit file of one case: a hash of all that its result depends on.
LENSBENCH_API std::string unit_key(const RunPlan& plan, std::int64_t index);

/// Where two plans differ, as JSON pointers with both values; empty if they are equal.
LENSBENCH_API std::string plan_difference(const nlohmann::json& before, const nlohmann::json& now);

}  // namespace lensbench
