#pragma once

#include <lensbench/model.hpp>
#include <lensbench/tools/probe.hpp>
#include <string>
#include <vector>

namespace lensbench::probing {

/// Examples of a JSONL file. \throws InputError with file, line and field
std::vector<ProbeExample> read_examples(const Model& model, const std::string& path);

}  // namespace lensbench::probing
