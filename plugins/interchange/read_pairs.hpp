#pragma once

#include <lensbench/model.hpp>
#include <lensbench/tools/interchange.hpp>
#include <string>
#include <vector>

namespace lensbench::interchange {

/// Pairs of a JSONL file. \throws InputError with file, line and field
std::vector<InterchangePair> read_pairs(const Model& model, const std::string& path);

}  // namespace lensbench::interchange
