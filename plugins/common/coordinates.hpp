#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lensbench {

/// Adds a coordinate with an axis of another name. \param values  texts, or a tensor
template <class Values>
void add_coordinate_of(Dataset& dataset, const std::string& name, const std::string& axis,
                       Values values, const std::string& meaning) {
  Variable variable;
  variable.name = name;
  variable.dims = {axis};
  if constexpr (std::is_same_v<Values, std::vector<std::string>>)
    variable.strings = std::move(values);
  else
    variable.tensor = values;
  variable.long_name = meaning;
  variable.coordinate = true;
  dataset.add(variable);
}

}  // namespace lensbench
