#include "reconstruction.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>
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

/// The most active features of each row into [row, rank] tensors, and how many and how much.
void list_features(const ActiveFeatures& active, std::int64_t first_row, Reconstruction& found) {
  const std::int64_t listed = found.ids.size(1);
  const auto* offsets = active.offsets.data_ptr<std::int64_t>();
  const auto* ids = active.ids.data_ptr<std::int64_t>();
  const auto* values = active.values.data_ptr<float>();
  std::vector<ActiveEntry> entries;
  for (std::int64_t row = 0; row < active.rows(); ++row) {
    entries.clear();
    double sum = 0;
    for (std::int64_t e = offsets[row]; e < offsets[row + 1]; ++e) {
      entries.emplace_back(ids[e], values[e]);
      sum += static_cast<double>(values[e]);
    }
    const std::int64_t place = first_row + row;
    found.l0.data_ptr<double>()[place] = static_cast<double>(entries.size());
    found.l1.data_ptr<double>()[place] = sum;
    const auto kept = std::min<std::int64_t>(listed, std::ssize(entries));
    std::partial_sort(entries.begin(), entries.begin() + kept, entries.end(),
                      [](const ActiveEntry& a, const ActiveEntry& b) {
                        return a.second > b.second || (a.second == b.second && a.first < b.first);
                      });
    for (std::int64_t i = 0; i < kept; ++i) {
      found.ids.data_ptr<std::int64_t>()[place * listed + i] =
          entries[static_cast<std::size_t>(i)].first;
      found.activations.data_ptr<float>()[place * listed + i] =
          entries[static_cast<std::size_t>(i)].second;
    }
  }
}

/// Counts the features of the rows that count.
void count_features(const ActiveFeatures& active, const at::Tensor& counted, at::Tensor& counts) {
  const auto* offsets = active.offsets.data_ptr<std::int64_t>();
  const auto* ids = active.ids.data_ptr<std::int64_t>();
  auto* count = counts.data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < active.rows(); ++row)
    if (counted[row].item<bool>())
      for (std::int64_t e = offsets[row]; e < offsets[row + 1]; ++e) ++count[ids[e]];
}

/// Activations of some features into [row, given].
void take_given(const ActiveFeatures& active, std::int64_t first_row,
                const std::vector<std::int64_t>& given, at::Tensor& out) {
  const auto* offsets = active.offsets.data_ptr<std::int64_t>();
  const auto* ids = active.ids.data_ptr<std::int64_t>();
  const auto* values = active.values.data_ptr<float>();
  const std::int64_t width = std::ssize(given);
  for (std::int64_t row = 0; row < active.rows(); ++row)
    for (std::int64_t i = 0; i < width; ++i) {
      const auto* const last = ids + offsets[row + 1];
      const auto* const found =
          std::lower_bound(ids + offsets[row], last, given[static_cast<std::size_t>(i)]);
      if (found != last && *found == given[static_cast<std::size_t>(i)])
        out.data_ptr<float>()[(first_row + row) * width + i] = values[found - ids];
    }
}

}  // namespace

Reconstruction reconstruct(const Dictionary& dictionary, const SiteRows& rows,
                           const at::Tensor& counted, std::int64_t k,
                           const std::vector<std::int64_t>& given) {
  const NormalisedRows all = normalised(dictionary, rows.input);
  const std::int64_t n = rows.input.size(0), tile = rows_of_tile(dictionary);
  const std::int64_t listed = std::min(k, dictionary.settings.features);
  Reconstruction found;
  found.active = at::zeros({dictionary.settings.features}, at::kLong);
  found.ids = at::full({n, listed}, -1, at::kLong);
  found.activations = at::zeros({n, listed}, at::kFloat);
  found.given = at::zeros({n, std::ssize(given)}, at::kFloat);
  found.l0 = at::zeros({n}, at::kDouble);
  found.l1 = at::zeros({n}, at::kDouble);
  std::vector<at::Tensor> output, features;
  for (std::int64_t first = 0; first < n; first += tile) {
    const std::int64_t count = std::min(tile, n - first);
    const NormalisedRows own = part_of(all, first, count);
    const ActiveFeatures active = encode(dictionary, own);
    list_features(active, first, found);
    take_given(active, first, given, found.given);
    count_features(active, counted.narrow(0, first, count), found.active);
    features.push_back(parts_of_features(dictionary, own, active));
    output.push_back(
        output_of(dictionary, own, features.back(), rows.input.narrow(0, first, count)));
  }
  found.output = at::cat(output);
  found.from_features = at::cat(features);
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
