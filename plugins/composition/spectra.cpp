#include "spectra.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/hypot.h>
#include <ATen/ops/matmul.h>

#include <cmath>
#include <limits>

namespace lensbench::composition {

double trace_error(const linear_algebra::Eigenvalues& values, const at::Tensor& matrix) {
  // The eigenvalues of a real matrix come in conjugate pairs, so their sum must be the real trace.
  const double size = at::hypot(values.real, values.imaginary).sum().item<double>();
  const double difference =
      std::hypot(values.real.sum().item<double>() - matrix.trace().item<double>(),
                 values.imaginary.sum().item<double>());
  return size > 0.0 ? difference / size : difference;
}

Spectrum spectrum_of(const at::Tensor& matrix) {
  Spectrum spectrum{linear_algebra::eigenvalues(matrix)};
  const double size =
      at::hypot(spectrum.values.real, spectrum.values.imaginary).sum().item<double>();
  const double real = spectrum.values.real.sum().item<double>();
  spectrum.score = size > 0.0 ? real / size : std::numeric_limits<double>::quiet_NaN();
  spectrum.trace_error = trace_error(spectrum.values, matrix);
  return spectrum;
}

/// The non-zero eigenvalues of A B and B A are equal: a matrix [d_head, d_head] in place of one
/// over the vocabulary.
at::Tensor copying_matrix(const BlockHeads& heads, std::int64_t head,
                          const VocabularyProducts& products) {
  return at::matmul(at::matmul(heads.output[head], products.unembed_embed), heads.value_of(head));
}

Spectrum copying_spectrum(const BlockHeads& heads, std::int64_t head,
                          const VocabularyProducts& products) {
  return spectrum_of(copying_matrix(heads, head, products));
}

Spectrum matching_spectrum(const BlockHeads& heads, std::int64_t head,
                           const VocabularyProducts& products) {
  return spectrum_of(
      at::matmul(at::matmul(heads.key_of(head).t(), products.embed_embed), heads.query[head]));
}

linear_algebra::Svd ov_directions(const BlockHeads& heads, std::int64_t head) {
  return linear_algebra::thin_svd_of_product(heads.value_of(head), heads.output[head]);
}

linear_algebra::Svd qk_directions(const BlockHeads& heads, std::int64_t head) {
  return linear_algebra::thin_svd_of_product(heads.query[head], heads.key_of(head).t());
}

}  // namespace lensbench::composition
