#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <lensbench/sweep.hpp>
#include <string>
#include <vector>

namespace lensbench {

// Receipts that every tool that changes activations carries.

/// A finished sweep, and what its receipts need to run again.
struct SweepCheck {
  const Model& model;                   ///< the model that ran
  const Tokens& base;                   ///< the prompt that was changed
  const std::vector<SweepCell>& cells;  ///< the changes
  const RowMetrics& metrics;            ///< what was measured
  const SweepOptions& options;          ///< base runs and position
  const SweepResult& result;            ///< the result of `sweep_cells`
  double gap = 0.0;  ///< metric of the source run less that of the base run; 0 without a source
  std::int64_t kl_column = -1;  ///< index of the metric that is a KL divergence; -1: none is
};

/// Tolerance of a comparison of two runs that differ in the order of rounding alone, 1e-5 in
/// float32.
LENSBENCH_API double rounding_tolerance(const Model& model);
/// Largest difference of metrics [..., metric], each relative to the gap, or to its largest value
/// in the sweep if that is larger. A KL divergence below 1 is measured by its square root: it is of
/// second order in the logits, so logits that are off by e change it by up to about e sqrt(2 KL).
LENSBENCH_API double relative_difference(const SweepCheck& check, const at::Tensor& a,
                                         const at::Tensor& b);

/// Replaces points of the first and last block by their own values and compares every bit.
/// \param check  what ran
/// \param hooks  hook points without the block
LENSBENCH_API Receipt self_replacement(const SweepCheck& check,
                                       const std::vector<std::string>& hooks);
/// 1 if the metrics of the first `count` cells equal that of the base run in every bit, or those of
/// the cell of the largest effect do in whole forwards of its own, else 0. Without `cells`, the
/// metrics of the result alone are compared.
LENSBENCH_API Receipt some_write_has_effect(const SweepCheck& check, std::int64_t count);
/// Runs three cells alone: the one of largest effect, and two that are spread over the others.
LENSBENCH_API Receipt batched_equals_single(const SweepCheck& check);
/// Compares the metrics of runs with the whole stream replaced with those of the source run.
/// \param check    what ran
/// \param metrics  [base, metric]
/// \param source   [1, metric]
LENSBENCH_API Receipt restores_source(const SweepCheck& check, const at::Tensor& metrics,
                                      const at::Tensor& source);
}  // namespace lensbench
