#pragma once

#include <lensbench/dataset.hpp>
#include <vector>

#include "analysis.hpp"
#include "spectra.hpp"
#include "weights.hpp"

// Identities that hold for every model, so that a wrong reading of the weights of a family shows.

namespace lensbench::composition {

/// Largest relative difference of the norms of the OV and QK of a head from those of its dense
/// matrices.
double norm_error(const BlockHeads& heads, std::int64_t head, double ov_norm, double qk_norm);

/// Difference of a score from that of the product of dense matrices; 0 where a matrix is 0, whose
/// score is undefined.
double score_error(double score, const at::Tensor& dense_sender, const at::Tensor& dense_receiver);

/// Distance of U S Vᵀ from a dense matrix, relative to the matrix.
double rebuilding_error(const linear_algebra::Svd& svd, const at::Tensor& dense);

/// Largest distance of a defined score from [0, 1].
double range_error(const at::Tensor& scores);

at::Tensor dense_ov(const BlockHeads& heads, std::int64_t head);  ///< [d_model, d_model]
at::Tensor dense_qk(const BlockHeads& heads, std::int64_t head);  ///< [d_model, d_model]

std::vector<Receipt> receipts_of(const AnalysisPlan& plan, const Analysis& found);

}  // namespace lensbench::composition
