#include "neurons.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "common/activation_rows.hpp"
#include "common/folds.hpp"

namespace lensbench::probing {
namespace {

constexpr std::int64_t kNeuronBytes = std::int64_t{1} << 28;

at::Tensor of_rows(const at::Tensor& values, const std::vector<std::int64_t>& rows) {
  return values.index_select(0, at::tensor(rows, at::kLong)).to(at::kDouble);
}

/// A quotient, NaN where nothing varies.
at::Tensor standardised(const at::Tensor& mean, const at::Tensor& variance) {
  return at::where(variance > 0, mean / variance.sqrt(),
                   at::full_like(mean, std::numeric_limits<double>::quiet_NaN()));
}

/// Mid-ranks of a sorted column, summed over the rows of label 1.
double rank_sum(const float* sorted, const std::int64_t* order,
                const std::vector<std::int64_t>& labels) {
  const std::size_t n = labels.size();
  double sum = 0;
  for (std::size_t i = 0; i < n;) {
    std::size_t end = i;
    double positive = 0;
    for (; end < n && sorted[end] == sorted[i]; ++end)
      positive += static_cast<double>(labels[static_cast<std::size_t>(order[end])]);
    sum += positive * (static_cast<double>(i + end + 1) / 2);
    i = end;
  }
  return sum;
}

}  // namespace

at::Tensor column_auroc(const at::Tensor& values, const std::vector<std::int64_t>& labels) {
  const auto [sorted, order] =
      at::sort(values.to(at::kFloat).t().contiguous(), /*stable=*/true, /*dim=*/1,
               /*descending=*/false);
  const auto ones = static_cast<double>(std::count(labels.begin(), labels.end(), 1));
  const double zeros = static_cast<double>(labels.size()) - ones;
  at::Tensor auroc = at::empty({values.size(1)}, at::kDouble);
  const std::int64_t n = std::ssize(labels);
  for (std::int64_t c = 0; c < values.size(1); ++c) {
    const double sum =
        rank_sum(sorted.data_ptr<float>() + c * n, order.data_ptr<std::int64_t>() + c * n, labels);
    auroc.data_ptr<double>()[c] = (sum - ones * (ones + 1) / 2) / (ones * zeros);
  }
  return auroc;
}

at::Tensor column_effect_size(const at::Tensor& values, const std::vector<std::int64_t>& labels,
                              const std::vector<std::string>& pairs) {
  std::vector<std::int64_t> zeros = rows_in(labels, 0), ones = rows_in(labels, 1);
  if (pairs.empty()) {
    const at::Tensor a = of_rows(values, ones), b = of_rows(values, zeros);
    const auto degrees = static_cast<double>(a.size(0) + b.size(0) - 2);
    const at::Tensor pooled =
        ((a - a.mean(0)).square().sum(0) + (b - b.mean(0)).square().sum(0)) / degrees;
    return standardised(a.mean(0) - b.mean(0), pooled);
  }
  std::map<std::string, std::int64_t> zero_of;
  for (const std::int64_t row : zeros) zero_of[pairs[static_cast<std::size_t>(row)]] = row;
  std::vector<std::int64_t> partners;
  partners.reserve(ones.size());
  for (const std::int64_t row : ones)
    partners.push_back(zero_of.at(pairs[static_cast<std::size_t>(row)]));
  const at::Tensor difference = of_rows(values, ones) - of_rows(values, partners);
  const at::Tensor mean = difference.mean(0);
  return standardised(
      mean, (difference - mean).square().sum(0) / static_cast<double>(difference.size(0) - 1));
}

NeuronScores measure_neurons(const Model& model, const ProbePlan& plan,
                             const std::function<void()>& stop) {
  std::vector<std::string> names;
  for (const HookPoint& point : match_hook_points(model.spec(), "blocks.*.mlp.hook_post"))
    names.push_back(point.name);
  const std::int64_t bytes =
      std::max<std::int64_t>(1, plan.examples() * model.spec().mlp.d_mlp * 4);
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, kNeuronBytes / bytes));
  std::vector<at::Tensor> auroc, effect;
  for (std::size_t first = 0; first < names.size(); first += most) {
    const auto begin = names.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<std::string> some(
        begin, begin + static_cast<std::ptrdiff_t>(std::min(most, names.size() - first)));
    for (const at::Tensor& rows :
         tracing::read_rows("probe", model, some, plan.tokens, plan.positions, stop)) {
      auroc.push_back(column_auroc(rows, plan.labels));
      effect.push_back(column_effect_size(rows, plan.labels, plan.pairs));
    }
  }
  return {at::stack(auroc), at::stack(effect)};
}

}  // namespace lensbench::probing
