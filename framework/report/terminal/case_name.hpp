#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <string>

namespace lensbench::terminal {

/// Id of the case with a number; empty if the dataset does not have it.
std::string case_name(const Dataset& dataset, std::int64_t number);

}  // namespace lensbench::terminal
