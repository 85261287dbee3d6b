#include "grading/scores/bootstrap.hpp"

#include <lensbench/random.hpp>
#include <lensbench/statistics.hpp>
#include <map>

namespace lensbench::grading {
namespace {

constexpr std::uint64_t kBootstrapStream = 1902;

/// The tasks of each model of each kind.
using Hierarchy = std::map<std::string, std::vector<std::vector<std::size_t>>>;

Hierarchy hierarchy_of(const std::vector<SampledTask>& tasks) {
  std::map<std::string, std::map<std::string, std::vector<std::size_t>>> by_model;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    by_model[tasks[i].kind][tasks[i].model].push_back(i);
  Hierarchy hierarchy;
  for (const auto& [kind, models] : by_model)
    for (const auto& [model, own] : models) hierarchy[kind].push_back(own);
  return hierarchy;
}

std::vector<std::size_t> drawn(std::size_t n, Philox& random) {
  std::vector<std::size_t> indices(n);
  for (std::size_t& index : indices) index = static_cast<std::size_t>(random.below(n));
  return indices;
}

}  // namespace

std::vector<Draw> hierarchical_draws(const std::vector<SampledTask>& tasks, std::size_t n,
                                     std::uint64_t seed) {
  const Hierarchy hierarchy = hierarchy_of(tasks);
  Philox random(seed, kBootstrapStream);
  std::vector<Draw> draws(n);
  for (Draw& draw : draws)
    for (const auto& [kind, models] : hierarchy)
      for (const std::size_t model : drawn(models.size(), random))
        for (const std::size_t task : models[model])
          draw.parts.push_back({task, drawn(tasks[task].prompts, random)});
  return draws;
}

PercentileInterval interval_of(const std::vector<double>& values) {
  return {statistics::quantile(values, 0.025), statistics::quantile(values, 0.975)};
}

}  // namespace lensbench::grading
