#include "reconstruction.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

namespace lensbench::dictionaries {
namespace {

NormalisedRows part_of(const NormalisedRows& rows, std::int64_t first, std::int64_t count) {
  const auto part = [&](const at::Tensor& x) {
    return x.defined() ? x.narrow(0, first, count) : x;
  };
  return {part(rows.rows), part(rows.scale), part(rows.shift)};
}

at::Tensor of_rows(const at::Tensor& values, const at::Tensor& counted) {
  return values.index({counted.to(at::kBool)});
}

}  // namespace

Reconstruction reconstruct(const Dictionary& dictionary, const SiteRows& rows,
                           const at::Tensor& counted, std::int64_t k) {
  const NormalisedRows all = normalised(dictionary, rows.input);
  const std::int64_t n = rows.input.size(0), tile = rows_of_tile(dictionary);
  const std::int64_t listed = std::min(k, dictionary.settings.features);
  std::vector<at::Tensor> output, features, ids, activations, l0, l1;
  Reconstruction found;
  found.active = at::zeros({dictionary.settings.features}, at::kLong);
  for (std::int64_t first = 0; first < n; first += tile) {
    const std::int64_t count = std::min(tile, n - first);
    const NormalisedRows own = part_of(all, first, count);
    const at::Tensor f = encode(dictionary, own);
    const at::Tensor is_active = f.gt(0);
    found.active += of_rows(is_active, counted.narrow(0, first, count)).to(at::kLong).sum(0);
    l0.push_back(is_active.sum(1).to(at::kDouble));
    l1.push_back(f.sum(1, /*keepdim=*/false, at::kDouble));
    const auto [value, id] = at::topk(f, listed, 1);
    activations.push_back(value);
    ids.push_back(at::where(value > 0, id, at::full_like(id, -1)));
    output.push_back(decode(dictionary, own, f, rows.input.narrow(0, first, count)));
    at::Tensor added = at::matmul(decoder_factors(dictionary, f), dictionary.decoder);
    if (own.scale.defined() && !dictionary.settings.transcoder) added = added * own.scale;
    features.push_back(added);
  }
  found.output = at::cat(output);
  found.from_features = at::cat(features);
  found.ids = at::cat(ids);
  found.activations = at::cat(activations);
  found.l0 = at::cat(l0);
  found.l1 = at::cat(l1);
  return found;
}

Fidelity::Fidelity(std::int64_t width, std::int64_t features)
    : moments_(width), active_(at::zeros({features}, at::kLong)) {}

void Fidelity::add(const SiteRows& rows, const Reconstruction& rebuilt, const at::Tensor& counted) {
  const at::Tensor wanted = of_rows(rows.output, counted).to(at::kDouble);
  if (wanted.size(0) == 0) return;
  moments_.add(wanted);
  errors_ += (wanted - of_rows(rebuilt.output, counted)).square().sum().item<double>();
  l0_ += of_rows(rebuilt.l0, counted).sum().item<double>();
  l1_ += of_rows(rebuilt.l1, counted).sum().item<double>();
  active_ += rebuilt.active;
}

double Fidelity::mse() const {
  return errors_ / static_cast<double>(rows());
}

double Fidelity::fvu() const {
  if (rows() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double spread = moments_.variance().sum().item<double>() * static_cast<double>(rows() - 1);
  return spread > 0 ? errors_ / spread : std::numeric_limits<double>::quiet_NaN();
}

double Fidelity::mean_l0() const {
  return l0_ / static_cast<double>(rows());
}
double Fidelity::mean_l1() const {
  return l1_ / static_cast<double>(rows());
}

at::Tensor Fidelity::density() const {
  return active_.to(at::kDouble) / static_cast<double>(rows());
}

}  // namespace lensbench::dictionaries
