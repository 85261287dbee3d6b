#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <cstdint>
#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

namespace lensbench::token_analysis {

/// Name, units and description of a variable.
struct Label {
  const char* name;
  const char* units;
  const char* long_name;
  Holds holds = Holds::numbers;
};

template <class T>
Variable make_variable(const Label& label, std::vector<std::string> dims,
                       const std::vector<std::int64_t>& shape) {
  return {.name = label.name,
          .dims = std::move(dims),
          .tensor = at::empty(shape, c10::CppTypeToScalarType<T>::value),
          .units = label.units,
          .long_name = label.long_name,
          .holds = label.holds};
}

/// Adds a variable [token] of element type T; `get(record)` is its value.
template <class T, class Record, class Get>
void add_column(Dataset& dataset, const Label& label, const std::vector<Record>& records, Get get) {
  auto variable = make_variable<T>(label, {"token"}, {static_cast<std::int64_t>(records.size())});
  T* out = variable.tensor.template data_ptr<T>();
  for (const Record& record : records) *out++ = static_cast<T>(get(record));
  dataset.add(std::move(variable));
}

/// Adds a variable [token, axis]; `get(record)` is a vector of `width` values.
template <class T, class Record, class Get>
void add_table(Dataset& dataset, const Label& label, const char* axis, std::size_t width,
               const std::vector<Record>& records, Get get) {
  auto variable = make_variable<T>(
      label, {"token", axis},
      {static_cast<std::int64_t>(records.size()), static_cast<std::int64_t>(width)});
  T* out = variable.tensor.template data_ptr<T>();
  for (const Record& record : records)
    for (std::size_t i = 0; i < width; ++i) *out++ = static_cast<T>(get(record, i));
  dataset.add(std::move(variable));
}

/// Adds a variable [axis] of the elements of one vector.
template <class T, class Values>
void add_row(Dataset& dataset, const Label& label, const char* axis, const Values& values) {
  auto variable = make_variable<T>(label, {axis}, {static_cast<std::int64_t>(values.size())});
  T* out = variable.tensor.template data_ptr<T>();
  for (const auto& value : values) *out++ = static_cast<T>(value);
  dataset.add(std::move(variable));
}

template <class T>
void add_scalar(Dataset& dataset, const Label& label, T value) {
  auto variable = make_variable<T>(label, {}, {});
  *variable.tensor.template data_ptr<T>() = value;
  dataset.add(std::move(variable));
}

/// Adds the coordinate of `axis`, with the element type of the values.
template <class T>
void add_axis(Dataset& dataset, const char* axis, const std::vector<T>& values,
              const char* long_name) {
  auto variable =
      make_variable<T>({axis, "1", long_name}, {axis}, {static_cast<std::int64_t>(values.size())});
  std::copy(values.begin(), values.end(), variable.tensor.template data_ptr<T>());
  dataset.add_coordinate(axis, variable.tensor, long_name);
}

/// Adds the coordinate `rank`, 1 to `count`.
inline void add_rank_axis(Dataset& dataset, std::size_t count) {
  std::vector<std::int32_t> ranks(count);
  for (std::size_t i = 0; i < count; ++i) ranks[i] = static_cast<std::int32_t>(i + 1);
  add_axis(dataset, "rank", ranks, "rank of the candidate, 1 is the best");
}

}  // namespace lensbench::token_analysis
