#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench {

/// Errors for a refused name and for a refused dataset. Their messages name the subject themselves,
/// so the runner does not add the tool that ran last.
class SaveError : public UsageError {
 public:
  using UsageError::UsageError;
};
class ResultError : public RunError {
 public:
  using RunError::RunError;
};

/// Checks the rules for saved datasets that `Dataset::add` does not check: each dimension has one
/// length, shared axes have their coordinates, units are given, and NaN and infinity occur only
/// in variables whose long_name explains them.
/// \param subject  `dataset 'lens'`, or `tool 'logit_lens'`
/// \throws ResultError that names the variable and the rule
void check_result(const Dataset& dataset, const std::string& subject);

}  // namespace lensbench
