#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/tools/jacobian_lens.hpp>
#include <vector>

namespace lensbench::jacobian {

/// Matrices of a lens, by the block whose output they take.
struct Jacobians {
  at::Tensor matrices;  ///< [block, d_model, d_model] float32; the identity where not fitted
  at::Tensor fitted;    ///< [block] int8
  /// No block fitted, which is the logit lens.
  static Jacobians identity(const TransformerSpec& spec);
  /// The output of a block, [row, d_model], carried to the last stream; unchanged if not fitted.
  at::Tensor apply(std::int64_t block, const at::Tensor& stream) const;
};

/// Positions of a window that count: all but the first ones and the last.
struct CountedPositions {
  std::int64_t first = 0, count = 0;
};
CountedPositions counted_positions(std::int64_t length, std::int64_t skip_first);

/// Jacobians of one prompt: for each of `blocks`, [d_model, d_model] float64, the mean over counted
/// source positions t of the sum over counted positions t' >= t of d last stream(t') / d output(t).
/// \param seed_batch  rows from one backward pass
std::vector<at::Tensor> jacobians_of(const Model& model, const Tokens& tokens,
                                     const std::vector<std::int64_t>& blocks,
                                     std::int64_t skip_first, std::int64_t seed_batch);

/// A finished fit.
struct Fitted {
  Jacobians jacobians;
  at::Tensor standard_error;   ///< [block] float64, NaN where not fitted or for one prompt
  at::Tensor split_half;       ///< [block] float64, NaN where not fitted or for one prompt
  std::int64_t prompts = 0;    ///< windows in the mean
  std::int64_t skipped = 0;    ///< windows that are too short
  double identity_error = 0;   ///< see `identity_difference`
  double direction_error = 0;  ///< see `direction_difference`
};

/// Fits the blocks. The sums are kept every half minute, after the last prompt, and before an
/// interruption; a fit of the same case goes on after them.
/// \throws UsageError if no window is long enough; RunError if the run is cancelled
Fitted fit_jacobians(Context& context, const JacobianLensFit& fit);

/// Blocks that a fit asks for. \throws UsageError for a layer outside 1 to n - 1
std::vector<std::int64_t> blocks_of(const TransformerSpec& spec, const JacobianLensFit& fit);

}  // namespace lensbench::jacobian
