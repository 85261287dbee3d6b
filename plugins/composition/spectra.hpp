#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/linear_algebra.hpp>

#include "weights.hpp"

namespace lensbench::composition {

/// Eigenvalues of a matrix of one head, and whether they are consistent.
struct Spectrum {
  linear_algebra::Eigenvalues values;  ///< [d_head]
  double score = 0.0;                  ///< sum Re(lambda) / sum |lambda|; NaN if all are 0
  double trace_error = 0.0;            ///< |sum lambda - trace| / sum |lambda|; 0 if all are 0
};

/// |sum lambda - trace| / sum |lambda|; the difference itself if all are 0.
double trace_error(const linear_algebra::Eigenvalues& values, const at::Tensor& matrix);

/// \param matrix  [n, n] float64
Spectrum spectrum_of(const at::Tensor& matrix);

/// W_O (W_U W_E) W_V, [d_head, d_head].
at::Tensor copying_matrix(const BlockHeads& heads, std::int64_t head,
                          const VocabularyProducts& products);

/// Non-zero eigenvalues of W_E OV W_U, which are those of W_O (W_U W_E) W_V.
Spectrum copying_spectrum(const BlockHeads& heads, std::int64_t head,
                          const VocabularyProducts& products);

/// Non-zero eigenvalues of W_E QK W_Eᵀ, which are those of W_Kᵀ (W_Eᵀ W_E) W_Q.
Spectrum matching_spectrum(const BlockHeads& heads, std::int64_t head,
                           const VocabularyProducts& products);

/// Singular directions of OV: what a head reads (U) and what it then writes (V).
linear_algebra::Svd ov_directions(const BlockHeads& heads, std::int64_t head);
/// Singular directions of QK: queries (U) and the keys that they match (V).
linear_algebra::Svd qk_directions(const BlockHeads& heads, std::int64_t head);

}  // namespace lensbench::composition
