#include "experiments/summary_check.hpp"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace lensbench::testing {
namespace {

using reference::Values;

constexpr double kTolerance = 1e-11;
constexpr double kDraws = 10'000;  // Resampling's own default

Values numbers_of(const Variable& variable) {
  const at::Tensor wide = variable.tensor.to(at::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

void expect_near(double found, double expected, const std::string& where) {
  if (std::isnan(expected))
    EXPECT_TRUE(std::isnan(found)) << where << " is " << found;
  else
    EXPECT_NEAR(found, expected, kTolerance * std::max(1.0, std::abs(expected))) << where;
}

template <class Statistic>
Values over(const SummaryCheck::Columns& columns, Statistic statistic) {
  Values values;
  for (const Values& column : columns) values.push_back(statistic(column));
  return values;
}

SummaryCheck::Dims with_front(const std::string& first, SummaryCheck::Dims dims) {
  dims.insert(dims.begin(), first);
  return dims;
}

}  // namespace

const Variable* SummaryCheck::find(const std::string& name, const Dims& dims) {
  compared_.insert(name);
  if (!summary_.contains(name)) {
    ADD_FAILURE() << "there is no " << name;
    return nullptr;
  }
  EXPECT_EQ(summary_[name].dims, dims) << name;
  return &summary_[name];
}

void SummaryCheck::equals(const std::string& name, const Dims& dims, const Values& expected) {
  const Variable* variable = find(name, dims);
  if (variable == nullptr) return;
  const Values found = numbers_of(*variable);
  ASSERT_EQ(found.size(), expected.size()) << name;
  for (std::size_t i = 0; i < found.size(); ++i)
    expect_near(found[i], expected[i], name + " at " + std::to_string(i));
}

void SummaryCheck::equals(const std::string& name, const Dims& dims,
                          const std::vector<std::string>& expected) {
  const Variable* variable = find(name, dims);
  if (variable != nullptr) {
    EXPECT_EQ(variable->strings, expected) << name;
  }
}

void SummaryCheck::describes(const std::string& name, const Dims& dims, const Columns& columns) {
  equals(name + "_mean", dims, over(columns, reference::mean));
  equals(name + "_se", dims, over(columns, reference::standard_error));
  Values quantiles;
  for (const double q : {0.25, 0.5, 0.75})
    for (const Values& column : columns) quantiles.push_back(reference::quantile(column, q));
  equals(name + "_quantile", with_front("quantile", dims), quantiles);

  std::vector<reference::IntervalEnds> ends;
  for (const Values& column : columns)
    ends.push_back(reference::bootstrap_interval(column, kDraws));
  bounds(name, dims, ends);
}

void SummaryCheck::bounds(const std::string& name, const Dims& dims,
                          const std::vector<reference::IntervalEnds>& ends) {
  const Variable* interval = find(name + "_interval", with_front("bound", dims));
  if (interval == nullptr) return;
  const Values found = numbers_of(*interval);
  ASSERT_EQ(found.size(), 2 * ends.size()) << name;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto expect_within = [&](double bound, const reference::Range& range) {
      const std::string where = name + "_interval at " + std::to_string(i);
      if (std::isnan(range.least)) return expect_near(bound, range.least, where);
      const double rounding = kTolerance * std::max(1.0, std::abs(bound));
      EXPECT_GE(bound, range.least - rounding) << where;
      EXPECT_LE(bound, range.most + rounding) << where;
    };
    expect_within(found[i], ends[i].low);
    expect_within(found[ends.size() + i], ends[i].high);
  }
}

void SummaryCheck::tests_against_zero(const std::string& name, const Dims& dims,
                                      const Columns& columns) {
  const Values p = over(columns, reference::sign_flip_p);
  equals(name + "_p", dims, p);
  equals(name + "_p_adjusted", dims, reference::benjamini_hochberg(p));
  equals(name + "_effect_size", dims, over(columns, reference::cohens_d_z));
}

void SummaryCheck::has_nothing_else() const {
  for (const Variable& variable : summary_.variables())
    EXPECT_TRUE(compared_.contains(variable.name)) << variable.name << " was not compared";
}

}  // namespace lensbench::testing
