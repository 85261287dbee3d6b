#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/parameters.hpp>
#include <lensbench/tools/interchange.hpp>

namespace lensbench::interchange {

InterchangeOptions options_of(const Parameters& parameters);

/// \throws UsageError for an option out of range, or one that no basis uses
void check_options(const InterchangeOptions& options);

/// Whether a basis or a control is asked for.
bool has_basis(const InterchangeOptions& options, const std::string& name);
bool has_control(const InterchangeOptions& options, const std::string& name);

/// Attributes of all options but the files, which the tool records.
void add_options(Dataset& dataset, const InterchangeOptions& options);

}  // namespace lensbench::interchange
