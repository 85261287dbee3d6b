#pragma once

#include <cstdint>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tools/probe.hpp>
#include <string>
#include <vector>

#include "linear_probe.hpp"

namespace lensbench::probing {

/// Streams of random numbers: of folds, inner splits, and the labels of controls.
inline constexpr std::uint64_t kFoldStream = std::uint64_t{1} << 43;
inline constexpr std::uint64_t kInnerStream = kFoldStream + 1;
inline constexpr std::uint64_t kShuffleStream = kFoldStream + 2;
inline constexpr std::uint64_t kTypeStream = kFoldStream + 3;

/// Rows that a probe is fitted to, and others of the training part that choose penalty and point;
/// both empty where the training part is too small to be split.
struct InnerSplit {
  std::vector<std::int64_t> fitted, chosen_on;
};

/// What is fitted to what.
struct ProbePlan {
  ProbeOptions options;
  ProbeSettings settings;
  std::vector<Tokens> tokens;           ///< [example]
  std::vector<std::int64_t> positions;  ///< [example], counted from the start; -1: mean of all
  std::vector<std::string> classes;     ///< names of the labels, in order
  std::vector<std::int64_t> labels;     ///< [example] number of the class
  std::vector<std::string> group_names;
  std::vector<std::int64_t> groups;   ///< [example] number of the group
  std::vector<std::string> pairs;     ///< [example]; empty: examples do not come in pairs
  std::vector<std::int64_t> fold_of;  ///< [example]
  std::vector<InnerSplit> inner;  ///< splits of the training part of each fold, then of all rows
  std::vector<std::int64_t> shuffled;  ///< [example] labels in a random order
  std::vector<std::int64_t> of_types;  ///< [example] one random label for each token type; or empty
  std::vector<HookPoint> points;
  std::vector<std::int64_t> layers;  ///< [point] the stream that it is; -1: another activation
  std::int64_t width = 0;            ///< numbers at each position of a point

  std::int64_t examples() const { return std::ssize(labels); }
  std::int64_t n_classes() const { return std::ssize(classes); }
  std::int64_t n_points() const { return std::ssize(points); }
  bool controls(const std::string& name) const;
};

/// Checks examples and options, and draws folds and control labels.
/// \throws UsageError under the conditions of `Probe::fit`
ProbePlan make_plan(const Model& model, const std::vector<ProbeExample>& examples,
                    const ProbeOptions& options, std::uint64_t seed);

}  // namespace lensbench::probing
