#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <string>
#include <utility>
#include <vector>

// Short ways to turn numbers and texts into variables of a result.

namespace lensbench::facts {

using Names = std::vector<std::string>;

inline at::Tensor numbers(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble);
}

inline at::Tensor integers(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kInt);
}

inline at::Tensor flags(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kChar);
}

/// One value of each element.
template <class Value, class Element, class Get>
std::vector<Value> each(const std::vector<Element>& elements, Get get) {
  std::vector<Value> values;
  values.reserve(elements.size());
  for (const Element& element : elements) values.push_back(get(element));
  return values;
}

inline void label(Dataset& dataset, const char* name, const char* dim, Names texts,
                  const char* meaning) {
  dataset.add({.name = name,
               .dims = {dim},
               .strings = std::move(texts),
               .long_name = meaning,
               .coordinate = true});
}

inline void number_label(Dataset& dataset, const char* name, const char* dim,
                         const std::vector<std::int64_t>& values, const char* meaning) {
  dataset.add({.name = name,
               .dims = {dim},
               .tensor = integers(values),
               .long_name = meaning,
               .coordinate = true});
}

}  // namespace lensbench::facts
