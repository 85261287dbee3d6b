#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench {

/// A save that is refused for its name, and one for what is in it. Either says itself what it is
/// about: no tool's call failed.
class SaveError : public UsageError {
 public:
  using UsageError::UsageError;
};
class ResultError : public RunError {
 public:
  using RunError::RunError;
};

/// Checks what every saved dataset promises, beyond what `Dataset::add` lets through: each
/// dimension has one length, the axes that tools share have their coordinates, units are said, and
/// a NaN is only where the variable's long_name says what it means. \param subject  `dataset
/// 'lens'`, or `tool 'logit_lens'` \throws ResultError naming the variable and the rule
void check_result(const Dataset& dataset, const std::string& subject);

}  // namespace lensbench
