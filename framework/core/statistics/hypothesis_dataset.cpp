#include <ATen/ops/empty.h>

#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>

// Intervals and tests for every element of a result over cases, as variables next to it. Each
// variable has the method, seed and number of samples as attributes, so that a figure can be
// repeated from the archive alone.

namespace lensbench::statistics {
namespace {

/// For each element of the tensors, the list of its values over cases.
std::vector<std::vector<double>> columns(const std::vector<at::Tensor>& cases,
                                         const std::string& name) {
  if (cases.empty())
    throw UsageError("statistics of '" + name +
                     "' over cases: expected at least one case, found 0");
  std::vector<std::vector<double>> result(static_cast<std::size_t>(cases.front().numel()));
  for (const at::Tensor& one : cases) {
    if (one.sizes() != cases.front().sizes())
      throw UsageError("statistics of '" + name + "' over cases: the tensors differ in shape");
    const auto values = values_of(one);
    for (std::size_t i = 0; i < values.size(); ++i) result[i].push_back(values[i]);
  }
  return result;
}

/// Facts of a new variable; units are those of the original, or 1 for what has none.
Variable described(const Variable& like, const std::string& suffix, const std::string& what,
                   std::vector<std::string> dims, const std::string& units) {
  return {.name = like.name + suffix,
          .dims = std::move(dims),
          .units = units,
          .long_name = what + " (NaN: too few cases, or all equal) of: " +
                       (like.long_name.empty() ? like.name : like.long_name)};
}

void set_resampling(Variable& variable, const std::string& method, const Resampling& resampling) {
  variable.attributes["method"] = method;
  variable.attributes["samples"] = resampling.samples;
  variable.attributes["seed"] = static_cast<std::int64_t>(resampling.seed);
}

at::Tensor shaped(const std::vector<double>& values, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  std::copy(values.begin(), values.end(), tensor.data_ptr<double>());
  return tensor;
}

std::string name_of(Comparison comparison) {
  switch (comparison) {
    case Comparison::paired_permutation:
      return "paired permutation test";
    case Comparison::permutation:
      return "permutation test";
    case Comparison::welch:
      break;
  }
  return "Welch's t-test";
}

TestResult compare(const std::vector<double>& a, const std::vector<double>& b,
                   Comparison comparison, const Resampling& resampling) {
  switch (comparison) {
    case Comparison::paired_permutation:
      return paired_permutation_test(a, b, resampling);
    case Comparison::permutation:
      return permutation_test(a, b, resampling);
    case Comparison::welch:
      break;
  }
  return welch_t_test(a, b);
}

std::string name_of(Correction correction) {
  switch (correction) {
    case Correction::holm:
      return "Holm";
    case Correction::benjamini_hochberg:
      return "Benjamini-Hochberg";
    case Correction::none:
      break;
  }
  return "none";
}

}  // namespace

namespace {

void require_bound_axis(Dataset& dataset) {
  if (!dataset.contains("bound"))
    dataset.add_coordinate("bound", std::vector<std::string>{"low", "high"}, "end of the interval");
}

}  // namespace

/// All elements draw from one seed: their intervals are made with the same resamples of cases.
void add_intervals(Dataset& dataset, const Variable& like, const std::vector<std::string>& dims,
                   const std::vector<at::Tensor>& cases, const Resampling& resampling) {
  std::vector<double> low, high;
  for (const auto& column : columns(cases, like.name)) {
    const Interval interval = bootstrap_mean(column, resampling);
    low.push_back(interval.low);
    high.push_back(interval.high);
  }
  // Both bounds are one variable with the axis `bound` first.
  low.insert(low.end(), high.begin(), high.end());
  std::vector<std::int64_t> shape = cases.front().sizes().vec();
  shape.insert(shape.begin(), 2);
  std::vector<std::string> with_bound = dims;
  with_bound.insert(with_bound.begin(), "bound");
  Variable variable = described(like, "_interval", "confidence interval of the mean over cases",
                                with_bound, like.units);
  variable.tensor = shaped(low, shape);
  set_resampling(variable, "bootstrap, bias-corrected and accelerated", resampling);
  variable.attributes["confidence"] = resampling.confidence;
  require_bound_axis(dataset);
  dataset.add(std::move(variable));
}

/// The test is the paired one with zeros, whose sign flips are those of the values.
void add_tests_against_zero(Dataset& dataset, const Variable& like,
                            const std::vector<std::string>& dims,
                            const std::vector<at::Tensor>& cases, Correction correction,
                            const Resampling& resampling) {
  std::vector<double> p, effects;
  for (const auto& column : columns(cases, like.name)) {
    const TestResult test =
        paired_permutation_test(column, std::vector<double>(column.size(), 0.0), resampling);
    p.push_back(test.p);
    effects.push_back(test.effect_size);
  }
  const at::IntArrayRef shape = cases.front().sizes();
  Variable raw = described(like, "_p", "two-sided p of a mean of zero over cases", dims, "1");
  raw.tensor = shaped(p, shape);
  set_resampling(raw, "permutation of signs", resampling);
  Variable adjusted =
      described(like, "_p_adjusted", "p corrected for all elements tested", dims, "1");
  // The correction is over all elements of the variable, which is one family of tests.
  adjusted.tensor = shaped(adjust(p, correction), shape);
  adjusted.attributes["correction"] = name_of(correction);
  Variable effect =
      described(like, "_effect_size", "mean over cases in standard deviations (d_z)", dims, "1");
  effect.tensor = shaped(effects, shape);
  dataset.add(std::move(raw)).add(std::move(adjusted)).add(std::move(effect));
}

void add_comparison(Dataset& dataset, const Variable& like, const std::vector<std::string>& dims,
                    const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b,
                    Comparison comparison, Correction correction, const Resampling& resampling) {
  const auto of_a = columns(a, like.name), of_b = columns(b, like.name);
  if (a.front().sizes() != b.front().sizes())
    throw UsageError("statistics of '" + like.name + "' over cases: the tensors differ in shape");
  std::vector<double> difference, p, effect, t, degrees;
  for (std::size_t i = 0; i < of_a.size(); ++i) {
    const TestResult test = compare(of_a[i], of_b[i], comparison, resampling);
    difference.push_back(test.difference);
    p.push_back(test.p);
    effect.push_back(test.effect_size);
    t.push_back(test.statistic);
    degrees.push_back(test.degrees_of_freedom);
  }
  const auto add = [&](const std::string& suffix, const std::string& what,
                       const std::vector<double>& values, const std::string& units = "1") {
    Variable variable = described(like, suffix, what, dims, units);
    variable.tensor = shaped(values, a.front().sizes());
    variable.attributes["method"] = name_of(comparison);
    // Welch's test does not draw.
    if (comparison != Comparison::welch) set_resampling(variable, name_of(comparison), resampling);
    if (suffix == "_p_adjusted") variable.attributes["correction"] = name_of(correction);
    dataset.add(std::move(variable));
  };
  add("_difference", "difference of means between two groups of cases", difference, like.units);
  add("_p", "two-sided p of equal means", p);
  add("_p_adjusted", "p corrected for all elements tested", adjust(p, correction));
  add("_effect_size", "difference in standard deviations", effect);
  if (comparison != Comparison::welch) return;
  add("_t", "t of the difference", t);
  add("_degrees_of_freedom", "degrees of freedom of t", degrees);
}

}  // namespace lensbench::statistics
