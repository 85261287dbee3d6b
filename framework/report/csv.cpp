#include "report/csv.hpp"

#include <ATen/core/Tensor.h>

#include <charconv>
#include <cmath>
#include <vector>

namespace lensbench {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

template <class Number>
std::string shortest(Number value) {
  if constexpr (std::is_floating_point_v<Number>)
    if (std::isnan(value)) return "";
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return {text, end};
}

/// The values of a variable as text, in C order.
std::vector<std::string> cells(const Variable& variable) {
  std::vector<std::string> texts;
  if (variable.is_text()) {
    for (const std::string& text : variable.strings) texts.push_back(quoted(text));
    return texts;
  }
  const auto add = [&]<class T>(const at::Tensor& values, T) {
    const T* first = values.data_ptr<T>();
    for (std::int64_t i = 0; i < values.numel(); ++i) texts.push_back(shortest(first[i]));
  };
  const at::Tensor values = variable.tensor.contiguous();
  if (values.scalar_type() == at::kFloat)
    add(values, float{});
  else if (values.scalar_type() == at::kDouble)
    add(values, double{});
  else
    add(values.to(at::kLong), std::int64_t{});
  return texts;
}

/// A column of the table: its texts along one axis.
struct Column {
  std::string name;
  std::size_t axis;
  std::vector<std::string> texts;
};

std::vector<Column> columns_of(const Dataset& dataset, const Variable& variable) {
  std::vector<Column> columns;
  const auto shape = variable.shape();
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::size_t before = columns.size();
    for (const Variable& other : dataset.variables())
      if (other.coordinate && other.dims == std::vector{variable.dims[axis]} &&
          other.name != variable.name)
        columns.push_back({other.name, axis, cells(other)});
    if (columns.size() > before) continue;
    Column index{variable.dims[axis], axis, {}};
    for (std::int64_t i = 0; i < shape[axis]; ++i) index.texts.push_back(std::to_string(i));
    columns.push_back(std::move(index));
  }
  return columns;
}

}  // namespace

void write_csv(std::ostream& out, const Dataset& dataset, const std::string& name) {
  const Variable& variable = dataset[name];
  const std::vector<Column> columns = columns_of(dataset, variable);
  for (const Column& column : columns) out << quoted(column.name) << ",";
  out << quoted(name) << "\r\n";
  const std::vector<std::int64_t> shape = variable.shape();
  std::vector<std::int64_t> place(shape.size(), 0);
  for (const std::string& value : cells(variable)) {
    for (const Column& column : columns)
      out << column.texts.at(static_cast<std::size_t>(place[column.axis])) << ",";
    out << value << "\r\n";
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++place[axis] < shape[axis]) break;
      place[axis] = 0;
    }
  }
}

}  // namespace lensbench
