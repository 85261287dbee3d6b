#include "dictionary.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace lensbench::dictionaries {
namespace {

constexpr double kEpsilon = 1e-5;  ///< as in SAELens
constexpr std::int64_t kTileBytes = std::int64_t{1} << 25;

/// Rows with more active features than one in this many are decoded by a product of matrices.
constexpr std::int64_t kSparse = 24;

const float* numbers(const at::Tensor& values) {
  return values.defined() ? values.data_ptr<float>() : nullptr;
}

/// Features whose gate is open, with their magnitudes.
/// \param products  [feature] of the row and the encoder
/// \param none      [feature] zeros
void gated(const Dictionary& dictionary, const float* products, const float* none,
           std::vector<ActiveEntry>& entries) {
  const float* const gate_bias = numbers(dictionary.encoder_bias);
  const float* const factor = numbers(dictionary.magnitude);
  const float* const bias = numbers(dictionary.magnitude_bias);
  above(products, gate_bias, none, dictionary.settings.features, entries);
  for (auto& [feature, value] : entries)
    value = products[feature] * factor[feature] + bias[feature];
  std::erase_if(entries, [](const ActiveEntry& entry) { return !(entry.second > 0); });
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

ActiveFeatures encode(const Dictionary& dictionary, const NormalisedRows& rows) {
  const DictionarySettings& settings = dictionary.settings;
  const at::Tensor products = at::mm(rows.rows, dictionary.encoder);
  const at::Tensor none = at::zeros({settings.features});
  const at::Tensor least =
      settings.activation == Activation::jumprelu ? dictionary.threshold.clamp_min(0) : none;
  const float* const first = products.data_ptr<float>();
  const float* const bias = numbers(dictionary.encoder_bias);
  const float* const bound = numbers(least);
  const float* const factors = settings.rescaled ? numbers(dictionary.decoder_norm) : nullptr;
  return collect_active(products.size(0), [&](std::int64_t row, std::vector<ActiveEntry>& entries) {
    const float* const own = first + row * settings.features;
    if (settings.activation == Activation::gated)
      gated(dictionary, own, bound, entries);
    else if (settings.activation == Activation::topk)
      largest(own, bias, factors, settings.features, settings.k, entries);
    else
      above(own, bias, bound, settings.features, entries);
  });
}

at::Tensor decoder_factors(const Dictionary& dictionary, const at::Tensor& activations,
                           const at::Tensor& ids) {
  if (!dictionary.settings.rescaled) return activations;
  return activations / dictionary.decoder_norm.index_select(0, ids);
}

at::Tensor parts_of_features(const Dictionary& dictionary, const NormalisedRows& rows,
                             const ActiveFeatures& active) {
  const std::int64_t features = dictionary.settings.features;
  const at::Tensor factors = decoder_factors(dictionary, active.values, active.ids);
  at::Tensor parts;
  if (active.ids.size(0) * kSparse < active.rows() * features) {
    parts = weighted_rows(dictionary.decoder, {active.offsets, active.ids, factors});
  } else {
    const at::Tensor counts =
        active.offsets.narrow(0, 1, active.rows()) - active.offsets.narrow(0, 0, active.rows());
    const at::Tensor places =
        at::repeat_interleave(at::arange(active.rows(), at::kLong), counts) * features + active.ids;
    const at::Tensor dense = at::zeros({active.rows() * features}, at::kFloat);
    parts = at::mm(dense.scatter(0, places, factors).view({active.rows(), features}),
                   dictionary.decoder);
  }
  // The output of a transcoder is another activation, whose scale the input does not know.
  return rows.scale.defined() && !dictionary.settings.transcoder ? parts * rows.scale : parts;
}

at::Tensor feature_part(const Dictionary& dictionary, const NormalisedRows& rows,
                        const at::Tensor& activation, std::int64_t feature) {
  const at::Tensor factor =
      decoder_factors(dictionary, activation, at::full(activation.sizes(), feature, at::kLong));
  const at::Tensor part = factor.unsqueeze(1) * dictionary.decoder[feature];
  return rows.scale.defined() && !dictionary.settings.transcoder ? part * rows.scale : part;
}

at::Tensor output_of(const Dictionary& dictionary, const NormalisedRows& rows,
                     const at::Tensor& parts, const at::Tensor& input) {
  at::Tensor rest = dictionary.decoder_bias;
  if (!dictionary.settings.transcoder) {
    if (rows.scale.defined()) rest = rest * rows.scale;
    if (rows.shift.defined()) rest = rest + rows.shift;
  }
  at::Tensor out = parts + rest;
  if (dictionary.skip.defined()) out = out + at::matmul(input, dictionary.skip.t());
  return out;
}

std::int64_t rows_of_tile(const Dictionary& dictionary) {
  return std::max<std::int64_t>(1, kTileBytes / (4 * dictionary.settings.features));
}

}  // namespace lensbench::dictionaries
