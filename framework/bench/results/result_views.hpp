#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/result_spec.hpp>
#include <vector>

namespace lensbench {

/// Results that one tool declares.
using Schema = std::vector<ResultInfo>;

/// Gives every variable that lacks one the attribute `view`, by which views are chosen. The view is
/// that of the first schema that declares all variables of the dataset, else of the first schema
/// that declares the variable, else `general`.
void add_views(Dataset& dataset, const std::vector<Schema>& schemas);

}  // namespace lensbench
