#include "effects.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <lensbench/statistics.hpp>
#include <limits>

#include "facts.hpp"

namespace factual_recall_tracing {
namespace {

using namespace lensbench;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Positions of the tokens with a role.
at::Tensor places_of(const Dataset& trace, const std::string& role) {
  const auto& roles = trace["role"].strings;
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < roles.size(); ++i)
    if (roles[i] == role) places.push_back(static_cast<std::int64_t>(i));
  return at::tensor(places, at::kLong);
}

}  // namespace

at::Tensor effects_by_role(const Dataset& trace) {
  const at::Tensor effect = trace["indirect_effect"].tensor;  // [kind, block, token]
  std::vector<at::Tensor> by_role;
  by_role.reserve(kRoles.size());
  for (const char* role : kRoles) {
    const at::Tensor places = places_of(trace, role);
    by_role.push_back(places.numel() == 0
                          ? at::full({effect.size(0), effect.size(1)}, kMissing, at::kDouble)
                          : effect.index_select(2, places).mean(2));
  }
  return at::stack(by_role, 1);
}

std::vector<double> agreement_of(const Dataset& first, const Dataset& second) {
  const auto before = places_of(first, "before").numel();
  const auto cells = [&](const Dataset& trace, std::int64_t kind) {
    return statistics::values_of(
        trace["indirect_effect"].tensor[kind].slice(1, before).contiguous());
  };
  std::vector<double> agreement;
  agreement.reserve(static_cast<std::size_t>(first.dim("kind")));
  for (std::int64_t kind = 0; kind < first.dim("kind"); ++kind)
    agreement.push_back(statistics::spearman(cells(first, kind), cells(second, kind)));
  return agreement;
}

std::vector<double> means_of(const std::vector<std::vector<double>>& facts,
                             const std::vector<std::size_t>& drawn) {
  const std::size_t n = facts.empty() ? 0 : facts.front().size();
  std::vector<double> sums(n, 0.0), counts(n, 0.0);
  for (const std::size_t fact : drawn)
    for (std::size_t i = 0; i < n; ++i) {
      if (std::isnan(facts[fact][i])) continue;
      sums[i] += facts[fact][i];
      counts[i] += 1;
    }
  for (std::size_t i = 0; i < n; ++i) sums[i] = counts[i] > 0 ? sums[i] / counts[i] : kMissing;
  return sums;
}

std::vector<Peak> peaks_of(const at::Tensor& values, const at::Tensor& draws) {
  std::vector<Peak> peaks;
  peaks.reserve(static_cast<std::size_t>(values.size(0)));
  for (std::int64_t row = 0; row < values.size(0); ++row) {
    Peak peak;
    if (values[row].isnan().any().item<bool>()) {
      peak.share = kMissing;
      peaks.push_back(peak);
      continue;
    }
    peak.block = values[row].argmax().item<std::int64_t>();
    const at::Tensor samples = draws.select(1, row);  // [sample, block]
    const at::Tensor whole = samples.isnan().any(1).logical_not();
    const auto count = whole.sum().item<std::int64_t>();
    const at::Tensor same = samples.argmax(1).eq(peak.block).logical_and(whole);
    peak.share = count == 0 ? kMissing
                            : static_cast<double>(same.sum().item<std::int64_t>()) /
                                  static_cast<double>(count);
    peaks.push_back(peak);
  }
  return peaks;
}

}  // namespace factual_recall_tracing
