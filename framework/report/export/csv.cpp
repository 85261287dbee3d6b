#include "report/export/csv.hpp"

#include <charconv>
#include <cmath>
#include <ostream>
#include <vector>

#include "report/export/blocks.hpp"

namespace lensbench {
namespace {

/// Field of RFC 4180: a text with a separator, a quote or a line break is quoted, its quotes
/// doubled.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

/// Shortest digits from which a reader gets the same float back: `std::to_chars` without a
/// precision guarantees that, and it ignores the locale, which could write a decimal comma.
template <class Number>
std::string shortest(Number value) {
  if constexpr (std::is_floating_point_v<Number>)
    if (std::isnan(value)) return "";
  char text[64];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return {text, end};
}

/// Calls `use` with every value of a variable as text, in C order.
template <class Use>
void for_each_cell(const StoredVariable& variable, Use&& use) {
  if (!variable.rows) {
    for (const std::string& text : variable.facts.strings) use(quoted(text));
    return;
  }
  const auto each = [&]<class T>(const at::Tensor& values, T) {
    const T* first = values.data_ptr<T>();
    for (std::int64_t i = 0; i < values.numel(); ++i) use(shortest(first[i]));
  };
  for_each_block(variable, [&](const at::Tensor& block) {
    // A block is a view of the stored array and may have strides; the loop needs dense memory.
    const at::Tensor values = block.contiguous();
    if (values.scalar_type() == at::kFloat)
      each(values, float{});
    else if (values.scalar_type() == at::kDouble)
      each(values, double{});
    else
      // Integers and booleans share one loop; int64 holds all stored integer types exactly.
      each(values.to(at::kLong), std::int64_t{});
  });
}

/// A column of the table: texts along one axis.
struct Column {
  std::string name;
  std::size_t axis;
  std::vector<std::string> texts;
};

/// Columns of labels: the coordinates along each axis, several where an axis has several, and the
/// index where it lacks one. They are held in memory, since every line of the table repeats them.
std::vector<Column> columns_of(const StoredDataset& dataset, const StoredVariable& variable) {
  std::vector<Column> columns;
  for (std::size_t axis = 0; axis < variable.shape.size(); ++axis) {
    const std::string& dim = variable.facts.dims[axis];
    const std::size_t before = columns.size();
    for (const StoredVariable& other : dataset.variables) {
      if (!other.facts.coordinate || other.facts.dims != std::vector{dim} ||
          // A coordinate that is exported itself is the value column.
          other.facts.name == variable.facts.name)
        continue;
      columns.push_back({other.facts.name, axis, {}});
      for_each_cell(other, [&](std::string text) { columns.back().texts.push_back(text); });
    }
    if (columns.size() > before) continue;
    Column index{dim, axis, {}};
    for (std::int64_t i = 0; i < variable.shape[axis]; ++i)
      index.texts.push_back(std::to_string(i));
    columns.push_back(std::move(index));
  }
  return columns;
}

}  // namespace

void write_csv(std::ostream& out, const StoredDataset& dataset, const std::string& name) {
  const StoredVariable& variable = dataset[name];
  const std::vector<Column> columns = columns_of(dataset, variable);
  for (const Column& column : columns) out << quoted(column.name) << ",";
  out << quoted(name) << "\r\n";
  // The index of the element is counted along, like an odometer with the last axis fastest, which
  // is the order of the values.
  const std::vector<std::int64_t>& shape = variable.shape;
  std::vector<std::int64_t> position(shape.size(), 0);
  for_each_cell(variable, [&](const std::string& value) {
    for (const Column& column : columns)
      out << column.texts.at(static_cast<std::size_t>(position[column.axis])) << ",";
    out << value << "\r\n";
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++position[axis] < shape[axis]) break;
      position[axis] = 0;
    }
  });
}

}  // namespace lensbench
