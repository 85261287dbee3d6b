#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Function from the logits [cell, vocab] float32 at one position to one number for each cell of a
/// sweep, [cell].
using CellMetric = std::function<at::Tensor(const at::Tensor& logits)>;

/// Logit difference of two tokens: logit(token) - logit(versus).
LENSBENCH_API CellMetric logit_difference(std::int64_t token, std::int64_t versus);

/// Cells of a patching sweep.
struct PatchSweepOptions {
  /// Hook point with a position axis that every block has, named without the block
  /// (`hook_resid_pre`, `attn.hook_z`, `attn.hook_pattern`, …) or by its short name (`resid_pre`,
  /// `z`).
  std::string hook = "hook_resid_pre";
  std::vector<std::int64_t> layers = {};     ///< block indices; empty: all
  std::vector<std::int64_t> positions = {};  ///< negative ones count from the end; empty: all
  bool heads = false;                        ///< one cell for each head; needs a head axis
  std::int64_t metric_position = -1;         ///< position of the logits that the metric reads
  std::int64_t most_cells = 256;  ///< most cells in one forward; bounds memory, not results
};

/// Fraction of the clean metric that each patch restores.
struct PatchSweep {
  /// (patched - corrupted) / (clean - corrupted): 1 where the patch alone restores the clean
  /// metric, 0 where it does nothing. [layer, position] or [layer, position, head] float64
  at::Tensor recovery;
  at::Tensor metric;                    ///< metric of each patched run, shape of `recovery`
  double clean_metric = 0;              ///< metric of the clean run
  double corrupted_metric = 0;          ///< metric of the corrupted run
  std::vector<std::int64_t> layers;     ///< block indices on the first axis
  std::vector<std::int64_t> positions;  ///< positions on the second axis, counted from the start
};

/// Activation patching (Vig et al., arXiv:2004.12265; Meng et al., arXiv:2202.05262): for each
/// layer, position (and head) the corrupted run with that one activation as in the clean run.
///
/// Cells run in batches, each from its layer on and, in a causal model, from its position on: keys
/// and values of earlier positions are those of the corrupted run. A cell whose patch equals the
/// corrupted activation in every bit is not run and gets the corrupted metric. Logits are computed
/// only at the metric's position. Apart from rounding, the results are those of one whole forward
/// for each cell.
/// \param model      the model to run
/// \param clean      the prompt that activations are taken from
/// \param corrupted  the prompt that they are patched into; as long as `clean`
/// \param metric     the number to compare
/// \param options    the cells to run
/// \throws UsageError if the prompts differ in length, if both have the same metric, for a hook
///   that some block lacks or that lacks a position (or head) axis, an index out of range, a
///   metric that does not give one number for each cell
LENSBENCH_API PatchSweep patch_sweep(const Model& model, const Tokens& clean,
                                     const Tokens& corrupted, const CellMetric& metric,
                                     const PatchSweepOptions& options = {});

}  // namespace lensbench
