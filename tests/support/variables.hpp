#pragma once

#include <lensbench/dataset.hpp>
#include <string>
#include <utility>
#include <vector>

namespace lensbench::testing {

inline Variable numbers(const std::string& name, std::vector<std::string> dims, at::Tensor values,
                        const std::string& units = "1") {
  Variable variable;
  variable.name = name;
  variable.dims = std::move(dims);
  variable.tensor = std::move(values);
  variable.units = units;
  return variable;
}

inline Variable texts(const std::string& name, const std::string& dim,
                      std::vector<std::string> values) {
  Variable variable;
  variable.name = name;
  variable.dims = {dim};
  variable.strings = std::move(values);
  return variable;
}

}  // namespace lensbench::testing
