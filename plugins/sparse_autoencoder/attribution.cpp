#include "attribution.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/gradients.hpp>
#include <vector>

namespace lensbench::dictionaries {
namespace {

at::Tensor products(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) * b).sum(1);
}

/// Gradient of the metric by the rows of a point, [token, d_out] float64.
at::Tensor gradient_of(const Model& model, const Site& site, const Tokens& tokens,
                       const MetricReader& reader) {
  const auto metric = [&](const at::Tensor& residual, const RecordedActivations&) {
    return reader(residual.select(1, reader.position()));
  };
  const RunGradients found = run_gradients(model, make_batch(tokens), {site.output}, metric);
  return found.gradients.at(site.output)[0].flatten(1).to(at::kCPU, at::kDouble);
}

/// Parts of the listed features, a token at a time: their decoder rows alone are widened.
at::Tensor listed_parts(const Dictionary& dictionary, const SiteRows& rows,
                        const Reconstruction& rebuilt, const at::Tensor& gradient) {
  const NormalisedRows normal = normalised(dictionary, rows.input);
  at::Tensor parts = at::zeros(rebuilt.ids.sizes(), at::kDouble);
  for (std::int64_t token = 0; token < rebuilt.ids.size(0); ++token) {
    const at::Tensor ids = rebuilt.ids[token].clamp_min(0);
    const at::Tensor factors =
        decoder_factors(dictionary, rebuilt.activations[token], ids).to(at::kDouble);
    const at::Tensor decoder = dictionary.decoder.index_select(0, ids).to(at::kDouble);
    at::Tensor part = factors * at::mv(decoder, gradient[token]);
    if (normal.scale.defined() && !dictionary.settings.transcoder)
      part = part * normal.scale[token].to(at::kDouble);
    parts[token].copy_(part);
  }
  return parts;
}

}  // namespace

Attribution attribute(const Model& model, const Site& site, const Dictionary& dictionary,
                      const Tokens& tokens, const SiteRows& rows, const Reconstruction& rebuilt,
                      const MetricReader& reader) {
  const at::Tensor gradient = gradient_of(model, site, tokens, reader);
  Attribution found;
  found.listed = listed_parts(dictionary, rows, rebuilt, gradient);
  found.all_features = products(rebuilt.from_features, gradient);
  found.error = products(rows.output - rebuilt.output, gradient);
  at::Tensor rest = rebuilt.output - rebuilt.from_features;
  at::Tensor whole = rows.output;
  if (rows.output_mean.defined()) {
    rest = rest + rows.output_mean;
    whole = whole + rows.output_mean;
  }
  found.bias = products(rest, gradient);
  const at::Tensor wanted = products(whole, gradient);
  // Where a norm alone follows, the product is about 0 and its parts are not.
  double size = 0;
  for (const at::Tensor& part : {found.all_features, found.error, found.bias, wanted})
    size = std::max(size, part.abs().max().item<double>());
  const double difference =
      (found.all_features + found.error + found.bias - wanted).abs().max().item<double>();
  found.gap = size > 0 ? difference / size : difference;
  return found;
}

}  // namespace lensbench::dictionaries
