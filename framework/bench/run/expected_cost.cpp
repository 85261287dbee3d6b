#include <algorithm>

#include "bench/access/case_access.hpp"
#include "bench/run/attempt.hpp"
#include "bench/run/single_tool.hpp"
#include "bench/runner.hpp"

namespace lensbench {
namespace {

/// Adds the cost of one more case. A sum is known only if each of its summands is.
void add_case(ExpectedCost& total, const CostEstimate& one) {
  if (!one.flops && !one.bytes && !one.items) return;
  const bool first = total.cases++ == 0;
  const auto join = [&](auto& sum, const auto& value, auto&& combine) {
    if (first)
      sum = value;
    else
      sum = sum && value ? std::optional(combine(*sum, *value)) : std::nullopt;
  };
  CostEstimate& sum = total.sum;
  join(sum.flops, one.flops, [](double a, double b) { return a + b; });
  // Cases run one after the other.
  join(sum.bytes, one.bytes, [](double a, double b) { return std::max(a, b); });
  join(sum.items, one.items, [](std::int64_t a, std::int64_t b) { return a + b; });
}

}  // namespace

ExpectedCost BoundExperiment::expected_cost(const std::vector<CaseInput>& cases,
                                            const Parameters& parameters, Context& context) const {
  ExpectedCost total;
  if (single_tool_ == nullptr) return total;
  for (std::int64_t index = 0; index < std::ssize(cases); ++index) {
    CostEstimate one;
    // A case that cannot be estimated fails when it runs, with the same reason.
    const auto failure = attempt(
        index, *experiment_,
        [&] {
          const Case c =
              CaseAccess::make(index, cases[static_cast<std::size_t>(index)], context, parameters);
          one = tools_.front()->estimate(request_of(*tools_.front(), c));
        },
        [] { return false; });
    if (failure) continue;
    add_case(total, one);
    // A tool that does not estimate its cost answers alike for every case.
    if (total.cases == 0) break;
  }
  return total;
}

}  // namespace lensbench
