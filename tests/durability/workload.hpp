#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <string>

#include "archive/run/run_writer.hpp"

// A run without a model: what the command does with its folder, in milliseconds.

namespace lensbench::testing {

inline constexpr std::int64_t kCases = 4, kFailingCase = 2;

RunPlan workload_plan();
std::map<std::string, Dataset> workload_result(std::int64_t index);

/// Each case is safe when it is committed; packs of two cases.
inline const CommitRules kEachCase{std::chrono::seconds(0), 2};
/// Cases are safe when a pack of three is complete, and at the end.
inline const CommitRules kInGroups{std::chrono::hours(1), 3};

/// Runs every case that is not done, calling `done` once one is safe, and seals; with `resume` it
/// goes on with whatever is there. \throws Error
SealResult run_workload(const std::filesystem::path& out, bool resume,
                        const std::function<void(std::int64_t index)>& done,
                        const CommitRules& rules = kEachCase);

/// Whether what an interrupted run left holds a case, to the bit.
bool holds_case(const std::filesystem::path& out, std::int64_t index);

/// What resuming, after `faults`, in a process of its own gave; empty strings if it did not end.
struct Recovered {
  bool acknowledged_kept = false;
  std::string results, recipe, environment, error;
};

/// Resumes in a child process, after it has looked for every case of `acknowledged`.
Recovered recover(const std::filesystem::path& out, const std::string& acknowledged);

/// The digests of a run that nothing disturbed.
const SealResult& undisturbed();

}  // namespace lensbench::testing
