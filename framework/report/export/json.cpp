#include "report/export/json.hpp"

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "report/export/blocks.hpp"

namespace lensbench {
namespace {

/// JSON lacks NaN and infinities (RFC 8259); nlohmann::json would write them as null too, but only
/// when it dumps, so the conversion is explicit.
nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

/// Element of a tensor from `flat_values`, whose type is one of these four.
nlohmann::json element(const at::Tensor& tensor, std::int64_t index) {
  switch (tensor.scalar_type()) {
    case at::kDouble:
      return number(tensor.data_ptr<double>()[index]);
    case at::kFloat:
      return number(static_cast<double>(tensor.data_ptr<float>()[index]));
    case at::kBool:
      return tensor.data_ptr<bool>()[index];
    default:
      return tensor.data_ptr<std::int64_t>()[index];
  }
}

// Nested lists of the axes from `axis` on. `offset` is the number of elements of the flat tensor
// that were written so far.
nlohmann::json nested(const at::Tensor& flat, const std::vector<std::int64_t>& shape,
                      std::size_t axis, std::int64_t& offset) {
  if (axis == shape.size()) return element(flat, offset++);
  nlohmann::json list = nlohmann::json::array();
  for (std::int64_t i = 0; i < shape[axis]; ++i)
    list.push_back(nested(flat, shape, axis + 1, offset));
  return list;
}

/// Values of a tensor in C order, converted to a type that `element` reads.
at::Tensor flat_values(const at::Tensor& tensor) {
  at::Tensor flat = tensor.to(at::kCPU);
  const at::ScalarType type = flat.scalar_type();
  if (type != at::kDouble && type != at::kFloat && type != at::kBool)
    // Half-precision values are exact in float32, the smaller integers in int64.
    flat = flat.to(at::isFloatingType(type) ? at::kFloat : at::kLong);
  return flat.contiguous();
}

nlohmann::json attributes_of(const std::map<std::string, Attribute>& attributes) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : attributes)
    out[name] = std::visit(
        [](const auto& v) -> nlohmann::json {
          // A double may be NaN; the other alternatives of an attribute always have a JSON form.
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>)
            return number(v);
          else
            return v;
        },
        value);
  return out;
}

/// JSON of a variable without its data.
nlohmann::json facts_to_json(const Variable& variable) {
  nlohmann::json out{
      {"dims", variable.dims}, {"units", variable.units}, {"long_name", variable.long_name}};
  if (variable.holds == Holds::token_ids) out["holds"] = "token_ids";
  if (!variable.attributes.empty()) out["attributes"] = attributes_of(variable.attributes);
  return out;
}

/// A value of a failed receipt may be NaN, which becomes null as well.
nlohmann::json receipts_to_json(const std::vector<Receipt>& receipts) {
  nlohmann::json out = nlohmann::json::array();
  for (const auto& receipt : receipts)
    out.push_back({{"name", receipt.name},
                   {"value", number(receipt.value)},
                   {"tolerance", number(receipt.tolerance)},
                   {"passed", receipt.passed},
                   {"note", receipt.note}});
  return out;
}

/// Writes the elements of axis `index.size()`, separated by commas and read in blocks.
void write_elements(std::ostream& out, const StoredVariable& variable,
                    std::vector<std::int64_t>& index) {
  // One row is above the limit: its axis is written element by element, with brackets by hand.
  if (row_elements(variable, index) > kBlock) {
    for (std::int64_t i = 0; i < variable.shape[index.size()]; ++i) {
      out << (i > 0 ? ",[" : "[");
      index.push_back(i);
      write_elements(out, variable, index);
      index.pop_back();
      out << "]";
    }
    return;
  }
  // Axes within one row: small enough for a JSON value in memory.
  const std::vector<std::int64_t> inner(
      variable.shape.begin() + static_cast<std::ptrdiff_t>(index.size()) + 1, variable.shape.end());
  for_each_block_of_rows(variable, index, [&](const at::Tensor& rows, std::int64_t first) {
    const at::Tensor flat = flat_values(rows);
    std::int64_t offset = 0;
    for (std::int64_t i = 0; i < rows.size(0); ++i)
      out << (first + i > 0 ? "," : "") << nested(flat, inner, 0, offset).dump();
  });
}

/// Member `data`: a list for texts, a number for a scalar, else nested lists that are streamed.
void write_data(std::ostream& out, const StoredVariable& variable) {
  if (!variable.rows) {
    out << nlohmann::json(variable.facts.strings).dump();
    return;
  }
  std::vector<std::int64_t> index;
  if (variable.shape.empty()) {
    out << element(flat_values(variable.rows({}, 0, 1)), 0).dump();
    return;
  }
  out << "[";
  write_elements(out, variable, index);
  out << "]";
}

/// Writes the members of an object in order of name, in the format of nlohmann::json. Members are
/// functions, so that a large one goes to the stream without a JSON value of the whole dataset.
void write_members(std::ostream& out, const std::map<std::string, std::function<void()>>& members) {
  bool first = true;
  out << "{";
  for (const auto& [name, write] : members) {
    out << (first ? "" : ",") << nlohmann::json(name).dump() << ":";
    write();
    first = false;
  }
  out << "}";
}

void write_variable(std::ostream& out, const StoredVariable& variable) {
  std::map<std::string, std::function<void()>> members;
  const nlohmann::json facts = facts_to_json(variable.facts);
  for (const auto& [name, value] : facts.items())
    // The short members are converted at once; `data` is read when its turn comes.
    members[name] = [&out, text = value.dump()] { out << text; };
  members["data"] = [&] { write_data(out, variable); };
  write_members(out, members);
}

void write_variables(std::ostream& out, const StoredDataset& dataset, bool coordinates) {
  std::map<std::string, std::function<void()>> members;
  for (const StoredVariable& variable : dataset.variables)
    if (variable.facts.coordinate == coordinates)
      members[variable.facts.name] = [&] { write_variable(out, variable); };
  write_members(out, members);
}

}  // namespace

void write_json(std::ostream& out, const StoredDataset& dataset) {
  // Lengths by name; a dimension that several variables share has one length in a dataset.
  nlohmann::json dims = nlohmann::json::object();
  for (const StoredVariable& variable : dataset.variables)
    for (std::size_t axis = 0; axis < variable.shape.size(); ++axis)
      dims[variable.facts.dims[axis]] = variable.shape[axis];
  write_members(out, {{"attributes", [&] { out << attributes_of(dataset.attributes).dump(); }},
                      {"coordinates", [&] { write_variables(out, dataset, true); }},
                      {"dims", [&] { out << dims.dump(); }},
                      {"receipts", [&] { out << receipts_to_json(dataset.receipts).dump(); }},
                      {"variables", [&] { write_variables(out, dataset, false); }}});
}

}  // namespace lensbench
