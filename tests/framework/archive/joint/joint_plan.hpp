#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>

#include "archive/run/run_writer.hpp"

namespace lensbench::testing {

/// A plan of so many cases, `case-0`, `case-1` …
inline RunPlan joint_plan(int cases, std::int64_t passes = 1) {
  RunPlan plan;
  plan.title = plan.experiment = "joint";
  plan.experiment_version = "1.0.0";
  plan.request = nlohmann::json::object();
  plan.passes = passes;
  for (int i = 0; i < cases; ++i)
    plan.cases.push_back({"case-" + std::to_string(i), "text", 1, std::string(64, 'c'), {17}});
  return plan;
}

/// Results of a case: its number.
inline std::map<std::string, Dataset> joint_result(std::int64_t index,
                                                   const std::string& name = "look") {
  Dataset dataset;
  dataset.add("value", {}, at::full({}, static_cast<double>(index), at::kDouble), "1", "a number");
  return {{name, dataset}};
}

/// Rules of a process that is a part of the run.
inline JointRules joint_rules(const std::string& part = "1", bool resume = false) {
  JointRules rules;
  rules.part = part;
  rules.environment = {{"cpu", "one"}, {"threads", 1}};
  rules.resume = resume;
  rules.patience = std::chrono::seconds(0);
  return rules;
}

}  // namespace lensbench::testing
