#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/tools/probe.hpp>
#include <string>
#include <vector>

namespace probing_experiment {

/// Labelled text of a case, from its prompt and its fields `label`, `group`, `pair`, `position`.
/// \throws InputError that names the case and the field
lensbench::ProbeExample example_of(const lensbench::Model& model,
                                   const lensbench::CaseInput& input);

/// Position of a text that a probe reads, counted from the start; -1: the mean of all.
/// \param position  as the parameter of the tool: last, first, mean, marker, or an index
/// \throws UsageError for a position outside of the text
std::int64_t position_of(const lensbench::ProbeExample& example, const std::string& position);

/// Throws UsageError if a position cannot be read, before any text is known.
void check_position(const std::string& position);

/// The cases that fit the probe: one half of the groups, with about the same share of each label.
/// Cases of a group are in the same half; without a group the pair is the group, without a pair the
/// text.
std::vector<std::int64_t> fitting_cases(const lensbench::Summary& summary);

/// All cases but some, in order.
std::vector<std::int64_t> all_but(const std::vector<std::int64_t>& numbers,
                                  const std::vector<std::int64_t>& some);

/// Group of a case.
std::string group_of(const lensbench::CaseInput& input);

/// The first `most` of some cases, equally many of each label as far as there are as many.
std::vector<std::int64_t> some_of_each_label(const lensbench::Summary& summary,
                                             const std::vector<std::int64_t>& numbers,
                                             std::int64_t most);

}  // namespace probing_experiment
