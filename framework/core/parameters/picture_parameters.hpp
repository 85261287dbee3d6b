#pragma once

#include <lensbench/parameters.hpp>
#include <string_view>
#include <vector>

namespace lensbench {

/// Settings of pictures, which `--set` takes for every tool and experiment on a model with a vision
/// tower.
const std::vector<ParameterInfo>& picture_parameters();

/// Whether this is the name of a setting of pictures.
bool is_picture_parameter(std::string_view name);

/// Whether lensbench reads `NAME=VALUE` itself, so that no tool or experiment may declare a
/// parameter of this name.
bool is_reserved_parameter(std::string_view name);

}  // namespace lensbench
