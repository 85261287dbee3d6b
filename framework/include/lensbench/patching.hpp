#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// A number for each cell of a sweep, [cell], from its logits [cell, vocab] float32 at one
/// position.
using CellMetric = std::function<at::Tensor(const at::Tensor& logits)>;

/// logit(token) - logit(versus)
LENSBENCH_API CellMetric logit_difference(std::int64_t token, std::int64_t versus);

/// Which cells a sweep has.
struct PatchSweepOptions {
  /// A point of every block with a position axis, its name after the block: `hook_resid_pre`,
  /// `attn.hook_z`, `attn.hook_pattern`, … or its short name (`resid_pre`, `z`).
  std::string hook = "hook_resid_pre";
  std::vector<std::int64_t> layers = {};     ///< empty: all
  std::vector<std::int64_t> positions = {};  ///< negative from the end; empty: all
  bool heads = false;                        ///< a cell for each head, of a hook with a head axis
  std::int64_t metric_position = -1;         ///< where the metric reads the logits
  std::int64_t most_cells = 256;             ///< run together; bounds memory, changes no result
};

/// What each patch brings back.
struct PatchSweep {
  /// (patched - corrupted) / (clean - corrupted): 1 where the patch alone restores the clean
  /// metric, 0 where it does nothing. [layer, position] or [layer, position, head] float64
  at::Tensor recovery;
  at::Tensor metric;                    ///< of each patched run, same shape
  double clean_metric = 0;              ///< of the clean run
  double corrupted_metric = 0;          ///< of the corrupted run
  std::vector<std::int64_t> layers;     ///< of the first axis
  std::vector<std::int64_t> positions;  ///< of the second, from the start
};

/// Activation patching (Vig et al., arXiv:2004.12265; Meng et al., arXiv:2202.05262): for each
/// layer, position (and head) the corrupted run with that one activation as in the clean run.
///
/// Cells are run together, each from its layer on, and in a causal model from its position on: keys
/// and values of earlier positions are those of the corrupted run. A cell whose patch is equal to
/// the bit to what the corrupted run has is not run: it has that run's metric. Logits are made at
/// the metric's position only. The numbers are those of one whole forward a cell, but for rounding.
/// \param model      the model to run
/// \param clean      where activations are taken from
/// \param corrupted  where they are put in; as long as `clean`
/// \param metric     what is compared
/// \param options    which cells
/// \throws UsageError if the prompts differ in length, if both have the same metric, for a hook
///   that is none of every block or has no position (or head) axis, an index out of range, a
///   metric that does not give one number a cell
LENSBENCH_API PatchSweep patch_sweep(const Model& model, const Tokens& clean,
                                     const Tokens& corrupted, const CellMetric& metric,
                                     const PatchSweepOptions& options = {});

}  // namespace lensbench
