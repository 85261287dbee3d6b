#pragma once

#include <lensbench/dataset.hpp>
#include <string>
#include <utility>
#include <vector>

namespace lensbench::testing {

inline Variable numbers(const std::string& name, std::vector<std::string> dims, at::Tensor values,
                        const std::string& units = "1") {
  return {.name = name, .dims = std::move(dims), .tensor = std::move(values), .units = units};
}

inline Variable texts(const std::string& name, const std::string& dim,
                      std::vector<std::string> values) {
  return {.name = name, .dims = {dim}, .strings = std::move(values)};
}

}  // namespace lensbench::testing
