#include "dictionary.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace lensbench::dictionaries {
namespace {

constexpr double kEpsilon = 1e-5;  ///< as in SAELens
constexpr std::int64_t kTileBytes = std::int64_t{1} << 26;

/// The k largest values of each row where they are above 0, the first of equal ones.
at::Tensor largest(const at::Tensor& values, std::int64_t k) {
  const auto [top, where] = at::topk(values, std::min(k, values.size(1)), 1);
  return at::zeros_like(values).scatter_(1, where, top.relu());
}

}  // namespace

NormalisedRows normalised(const Dictionary& dictionary, const at::Tensor& rows) {
  NormalisedRows result;
  result.rows = rows;
  if (dictionary.settings.norm == InputNorm::constant_norm) {
    const at::Tensor length = rows.norm(2, {1}, /*keepdim=*/true);
    const double width = std::sqrt(static_cast<double>(rows.size(1)));
    result.rows = rows * (width / length);
    result.scale = length / width;
  } else if (dictionary.settings.norm == InputNorm::layer_norm) {
    result.shift = rows.mean(1, /*keepdim=*/true);
    const at::Tensor centred = rows - result.shift;
    result.scale = centred.std(1, /*unbiased=*/true, /*keepdim=*/true);
    result.rows = centred / (result.scale + kEpsilon);
  }
  if (dictionary.settings.bias_from_input) result.rows = result.rows - dictionary.decoder_bias;
  return result;
}

at::Tensor encode(const Dictionary& dictionary, const NormalisedRows& rows) {
  const at::Tensor products = at::matmul(rows.rows, dictionary.encoder);
  at::Tensor values = products + dictionary.encoder_bias;
  switch (dictionary.settings.activation) {
    case Activation::relu:
      return values.relu_();
    case Activation::jumprelu:
      return values.relu() * values.gt(dictionary.threshold);
    case Activation::topk:
      if (dictionary.settings.rescaled) values = values * dictionary.decoder_norm;
      return largest(values, dictionary.settings.k);
    case Activation::gated:
      return (products * dictionary.magnitude.exp() + dictionary.magnitude_bias).relu_() *
             values.gt(0);
  }
  return values;
}

at::Tensor decoder_factors(const Dictionary& dictionary, const at::Tensor& activations,
                           const at::Tensor& features) {
  if (!dictionary.settings.rescaled) return activations;
  return activations / (features.defined() ? dictionary.decoder_norm.index({features.to(at::kLong)})
                                           : dictionary.decoder_norm);
}

at::Tensor decode(const Dictionary& dictionary, const NormalisedRows& normalised_rows,
                  const at::Tensor& activations, const at::Tensor& input) {
  at::Tensor out = at::matmul(decoder_factors(dictionary, activations), dictionary.decoder) +
                   dictionary.decoder_bias;
  // The output of a transcoder is another activation, whose scale the input does not know.
  if (!dictionary.settings.transcoder) {
    if (normalised_rows.scale.defined()) out = out * normalised_rows.scale;
    if (normalised_rows.shift.defined()) out = out + normalised_rows.shift;
  }
  if (dictionary.skip.defined()) out = out + at::matmul(input, dictionary.skip.t());
  return out;
}

std::int64_t rows_of_tile(const Dictionary& dictionary) {
  return std::max<std::int64_t>(1, kTileBytes / (4 * dictionary.settings.features));
}

}  // namespace lensbench::dictionaries
