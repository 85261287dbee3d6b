#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tools/probe.hpp>
#include <optional>

namespace lensbench::probing {

ProbeOptions options_of(const Parameters& parameters);

/// \throws UsageError for an option out of range
void check_options(const ProbeOptions& options);

/// Index that `position` is, if it is one. \throws UsageError for a position that is not known
std::optional<std::int64_t> index_of_position(const std::string& position);

void add_options(Dataset& dataset, const ProbeOptions& options);

}  // namespace lensbench::probing
