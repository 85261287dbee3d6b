#include <ATen/ops/empty.h>

#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <map>
#include <numeric>

#include "core/statistics/samples.hpp"

namespace lensbench::statistics {
namespace {

/// Indices of the cases of each group, in the order of the first case of each.
std::vector<std::vector<std::size_t>> members_of(std::size_t cases,
                                                 const std::vector<std::string>& groups) {
  std::vector<std::vector<std::size_t>> members;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < cases; ++i) {
    const auto group = groups.empty() ? i : known.emplace(groups[i], members.size()).first->second;
    if (group == members.size()) members.emplace_back();
    members[group].push_back(i);
  }
  return members;
}

std::vector<double> checked(std::vector<double> numbers, std::size_t expected) {
  if (numbers.size() != expected)
    throw UsageError("bootstrap: the statistic gave " + std::to_string(numbers.size()) +
                     " numbers for a random sample, expected " + std::to_string(expected) +
                     " as for all cases; return NaN for a number that is not determined");
  return numbers;
}

}  // namespace

Bootstrap bootstrap(std::size_t cases, const SampleStatistic& statistic,
                    const Resampling& resampling, const std::vector<std::string>& groups) {
  check_resampling(resampling);
  if (!groups.empty() && groups.size() != cases)
    throw UsageError("bootstrap: found " + std::to_string(groups.size()) +
                     " labels of groups for " + std::to_string(cases) +
                     " cases; give one for each");
  std::vector<std::size_t> sample(cases);
  std::iota(sample.begin(), sample.end(), std::size_t{0});
  const std::vector<double> estimates = statistic(sample);
  const auto members = members_of(cases, groups);
  const std::int64_t samples = members.size() < 2 ? 0 : resampling.samples;

  Philox random(resampling.seed);
  std::vector<std::vector<double>> columns(estimates.size());
  for (std::int64_t s = 0; s < samples; ++s) {
    sample.clear();
    for (std::size_t drawn = 0; drawn < members.size(); ++drawn) {
      const auto& group = members[random.below(members.size())];
      sample.insert(sample.end(), group.begin(), group.end());
    }
    const auto numbers = checked(statistic(sample), estimates.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) columns[i].push_back(numbers[i]);
  }

  Bootstrap result;
  result.draws = at::empty({samples, static_cast<std::int64_t>(estimates.size())}, at::kDouble);
  const double tail = (1 - resampling.confidence) / 2;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    double* draws = result.draws.data_ptr<double>();
    for (std::size_t s = 0; s < columns[i].size(); ++s)
      draws[s * columns.size() + i] = columns[i][s];
    result.intervals.push_back(
        {estimates[i], quantile(columns[i], tail), quantile(columns[i], 1 - tail)});
  }
  return result;
}

}  // namespace lensbench::statistics
