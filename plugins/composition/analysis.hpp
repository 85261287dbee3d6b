#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <lensbench/tools/composition.hpp>
#include <map>
#include <string>
#include <vector>

#include "scores.hpp"

namespace lensbench::composition {

/// Options in the form in which they are used.
struct AnalysisPlan {
  std::vector<Mode> modes;
  std::int64_t directions = 0, top_k = 1, baseline_draws = 2;
  std::uint64_t seed = 0;
  at::Tensor read_direction;   ///< [d_model] float64; undefined: none
  at::Tensor write_direction;  ///< [d_model] float64
};

/// Numbers of all heads; see `Composition::analyze`.
struct Analysis {
  at::Tensor composition;           ///< undefined without modes
  std::vector<Baseline> baselines;  ///< one for each mode
  at::Tensor copying_score, matching_score, ov_norm, qk_norm;
  at::Tensor eigenvalue_real, eigenvalue_imag;
  at::Tensor singular_value, degenerate;  ///< undefined without directions
  /// `output_top_id`, `output_top_value`, and so for input, query and key.
  std::map<std::string, at::Tensor> ends;
  at::Tensor read_q, read_k, read_v, write;  ///< undefined without a direction
  double trace_error = 0.0;                  ///< largest of all heads
  double norm_error = 0.0;    ///< norms and one score from factors against dense matrices
  double vector_error = 0.0;  ///< dense matrices against their singular vectors
  double range_error = 0.0;   ///< largest distance of a score from [0, 1]
};

Analysis analyse(Context& context, const HeadWeights& weights, const AnalysisPlan& plan);

}  // namespace lensbench::composition
