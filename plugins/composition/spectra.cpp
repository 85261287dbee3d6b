#include "spectra.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/hypot.h>
#include <ATen/ops/matmul.h>

#include <cmath>
#include <limits>

namespace lensbench::composition {

Spectrum spectrum_of(const at::Tensor& matrix) {
  Spectrum spectrum{linear_algebra::eigenvalues(matrix)};
  const double size =
      at::hypot(spectrum.values.real, spectrum.values.imaginary).sum().item<double>();
  const double real = spectrum.values.real.sum().item<double>();
  const double imaginary = spectrum.values.imaginary.sum().item<double>();
  spectrum.score = size > 0.0 ? real / size : std::numeric_limits<double>::quiet_NaN();
  const double difference = std::hypot(real - matrix.trace().item<double>(), imaginary);
  spectrum.trace_error = size > 0.0 ? difference / size : difference;
  return spectrum;
}

Spectrum copying_spectrum(const BlockHeads& heads, std::int64_t head,
                          const VocabularyProducts& products) {
  return spectrum_of(
      at::matmul(at::matmul(heads.output[head], products.unembed_embed), heads.value_of(head)));
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
