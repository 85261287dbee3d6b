#include "report/json.hpp"

#include <cmath>

namespace lensbench {
namespace {

nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json();
}

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

// `offset` counts elements of the flat tensor that were written so far.
nlohmann::json nested(const at::Tensor& flat, const std::vector<std::int64_t>& shape,
                      std::size_t axis, std::int64_t& offset) {
  if (axis == shape.size()) return element(flat, offset++);
  nlohmann::json list = nlohmann::json::array();
  for (std::int64_t i = 0; i < shape[axis]; ++i)
    list.push_back(nested(flat, shape, axis + 1, offset));
  return list;
}

nlohmann::json data_of(const Variable& variable) {
  if (variable.is_text()) return variable.strings;
  at::Tensor flat = variable.tensor.to(at::kCPU);
  const at::ScalarType type = flat.scalar_type();
  if (type != at::kDouble && type != at::kFloat && type != at::kBool)
    flat = flat.to(at::isFloatingType(type) ? at::kFloat : at::kLong);
  flat = flat.contiguous();
  std::int64_t offset = 0;
  return nested(flat, variable.shape(), 0, offset);
}

nlohmann::json attributes_of(const std::map<std::string, Attribute>& attributes) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : attributes)
    out[name] = std::visit(
        [](const auto& v) -> nlohmann::json {
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, double>)
            return number(v);
          else
            return v;
        },
        value);
  return out;
}

nlohmann::json variable_to_json(const Variable& variable) {
  nlohmann::json out{{"dims", variable.dims},
                     {"units", variable.units},
                     {"long_name", variable.long_name},
                     {"data", data_of(variable)}};
  if (variable.holds == Holds::token_ids) out["holds"] = "token_ids";
  if (!variable.attributes.empty()) out["attributes"] = attributes_of(variable.attributes);
  return out;
}

}  // namespace

nlohmann::json dataset_to_json(const Dataset& dataset) {
  nlohmann::json out{{"dims", nlohmann::json::object()},
                     {"coordinates", nlohmann::json::object()},
                     {"variables", nlohmann::json::object()},
                     {"attributes", attributes_of(dataset.attributes)},
                     {"receipts", nlohmann::json::array()}};
  for (const auto& [name, length] : dataset.dims()) out["dims"][name] = length;
  for (const auto& variable : dataset.variables())
    out[variable.coordinate ? "coordinates" : "variables"][variable.name] =
        variable_to_json(variable);
  for (const auto& receipt : dataset.receipts)
    out["receipts"].push_back({{"name", receipt.name},
                               {"value", number(receipt.value)},
                               {"tolerance", number(receipt.tolerance)},
                               {"passed", receipt.passed},
                               {"note", receipt.note}});
  return out;
}

}  // namespace lensbench
