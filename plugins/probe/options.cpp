#include "options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <lensbench/error.hpp>
#include <string>
#include <vector>

#include "common/number_text.hpp"
#include "linear_probe.hpp"

namespace lensbench::probing {
namespace {

constexpr std::array kControls = {"shuffled", "random_type", "majority", "input"};

}  // namespace

std::optional<std::int64_t> index_of_position(const std::string& position) {
  for (const char* word : {"last", "first", "mean", "marker"})
    if (position == word) return std::nullopt;
  std::int64_t index = 0;
  const char* const end = position.data() + position.size();
  const auto [stop, fault] = std::from_chars(position.data(), end, index);
  if (fault != std::errc() || stop != end)
    throw UsageError("probe: position is '" + position +
                     "'; expected last, first, mean, marker, or an index");
  return index;
}

ProbeOptions options_of(const Parameters& parameters) {
  ProbeOptions options;
  options.hooks = parameters.list("hooks");
  options.position = parameters.text("position");
  options.kind = parameters.text("kind");
  options.folds = parameters.integer("folds");
  options.lambdas = parameters.numbers("lambdas");
  options.sparse_k = parameters.integer("sparse_k");
  options.controls = parameters.list("controls");
  options.standardize = parameters.boolean("standardize");
  options.neurons = parameters.boolean("neurons");
  return options;
}

void check_options(const ProbeOptions& options) {
  kind_of(options.kind);
  index_of_position(options.position);
  if (options.folds < 2 || options.sparse_k < 1)
    throw UsageError("probe: folds is " + std::to_string(options.folds) + " and sparse_k " +
                     std::to_string(options.sparse_k) + "; expected at least 2 and at least 1");
  if (options.lambdas.empty())
    throw UsageError("probe: lambdas is empty; give at least one penalty");
  for (const double lambda : options.lambdas)
    if (!(lambda > 0) || !std::isfinite(lambda))
      throw UsageError("probe: lambdas has " + tracing::number_text(lambda) + "; expected above 0");
  for (const std::string& control : options.controls)
    if (std::find(kControls.begin(), kControls.end(), control) == kControls.end())
      throw UsageError("probe: control '" + control +
                       "' does not exist; expected shuffled, random_type, majority or input");
}

void add_options(Dataset& dataset, const ProbeOptions& options) {
  auto& attributes = dataset.attributes;
  attributes["hooks"] = options.hooks;
  attributes["position"] = options.position;
  attributes["kind"] = options.kind;
  attributes["folds"] = options.folds;
  attributes["lambdas"] = tracing::number_texts(options.lambdas);
  attributes["sparse_k"] = options.sparse_k;
  attributes["controls"] = options.controls;
  attributes["standardize"] = static_cast<std::int64_t>(options.standardize);
  attributes["neurons"] = static_cast<std::int64_t>(options.neurons);
}

}  // namespace lensbench::probing
