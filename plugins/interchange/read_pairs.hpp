#pragma once

#include <lensbench/model.hpp>
#include <string>

#include "plan.hpp"

namespace lensbench::interchange {

/// Pairs of a JSONL file. \throws InputError with file, line and field
PlacedPairs read_pairs(const Model& model, const std::string& path);

}  // namespace lensbench::interchange
