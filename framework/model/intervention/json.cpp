#include "core/text/json.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

constexpr JsonLimits kLimits = {.max_bytes = std::size_t{256} << 20, .max_depth = 16};

json number_json(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (std::isnan(value)) throw UsageError("an intervention holds NaN, which JSON has no word for");
  return value;
}

json tensor_json(const at::Tensor& value) {
  if (!value.defined()) throw UsageError("an intervention has no value");
  if (value.dim() == 0) return number_json(value.item<double>());
  json list = json::array();
  for (std::int64_t i = 0; i < value.size(0); ++i) list.push_back(tensor_json(value[i]));
  return list;
}

json case_json(const OtherCase& other) {
  if (!other.ids.empty()) return {{"ids", other.ids}};
  return {{"text", other.text}};
}

struct WriteAction {
  json& to;
  void operator()(const SetValue& action) const {
    to["action"] = "set";
    to["value"] = tensor_json(action.value);
  }
  void operator()(const AddValue& action) const {
    to["action"] = "add";
    to["value"] = tensor_json(action.value);
    to["coefficient"] = number_json(action.coefficient);
  }
  void operator()(const ScaleBy& action) const {
    to["action"] = "scale";
    to["factor"] = number_json(action.factor);
  }
  void operator()(const SetZero&) const { to["action"] = "zero"; }
  void operator()(const SetMean& action) const {
    to["action"] = "mean";
    to["of"] = json::array();
    for (const OtherCase& other : action.of) to["of"].push_back(case_json(other));
  }
  void operator()(const Resample& action) const {
    to["action"] = "resample";
    to["from"] = case_json(action.from);
    if (!action.positions.empty()) to["from_positions"] = action.positions;
  }
  void operator()(const AddNoise& action) const {
    to["action"] = "noise";
    to["standard_deviation"] = number_json(action.standard_deviation);
    to["seed"] = action.seed;
  }
  void operator()(const Freeze&) const { to["action"] = "freeze"; }
  void operator()(const ProjectOut& action) const {
    to["action"] = "project_out";
    to["direction"] = tensor_json(action.direction);
  }
};

/// One JSON object and where it stands, for messages.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) fail("", "expected an object");
  }

  [[noreturn]] void fail(const std::string& field, const std::string& fault) const {
    throw InputError(where_ + (field.empty() ? "" : ": field '" + field + "'") + ": " + fault);
  }
  std::string place(const std::string& field) const { return where_ + "." + field; }

  const json* find(const std::string& field) {
    known_.insert(field);
    const auto found = object_.find(field);
    return found == object_.end() ? nullptr : &*found;
  }
  const json& need(const std::string& field) {
    const json* found = find(field);
    if (found == nullptr) fail(field, "is missing");
    return *found;
  }
  std::string text(const std::string& field) {
    const json& value = need(field);
    if (!value.is_string()) fail(field, "expected a text, found " + value.dump());
    return value.get<std::string>();
  }
  std::vector<std::int64_t> integers(const std::string& field) {
    const json* value = find(field);
    if (value == nullptr) return {};
    std::vector<std::int64_t> result;
    if (!value->is_array() || value->empty())
      fail(field, "expected a list of at least one integer; leave it out to mean all");
    for (const json& item : *value) {
      if (!item.is_number_integer()) fail(field, "expected integers, found " + item.dump());
      result.push_back(item.get<std::int64_t>());
    }
    return result;
  }
  double number(const std::string& field, std::optional<double> otherwise = std::nullopt) {
    const json* value = otherwise ? find(field) : &need(field);
    return value == nullptr ? *otherwise : as_number(field, *value);
  }
  at::Tensor tensor(const std::string& field) {
    const json& value = need(field);
    std::vector<std::int64_t> shape;
    for (const json* level = &value; level->is_array(); level = &level->front()) {
      if (level->empty()) fail(field, "a list is empty");
      shape.push_back(static_cast<std::int64_t>(level->size()));
    }
    std::vector<double> numbers;
    flatten(field, value, shape, 0, numbers);
    const at::Tensor result = at::empty(shape, at::kFloat);
    std::copy(numbers.begin(), numbers.end(), result.data_ptr<float>());
    return result;
  }
  /// \throws InputError for a field that nothing asked for
  void finish() const {
    for (const auto& [name, value] : object_.items())
      if (!known_.contains(name))
        fail(name, "is not known" + suggest(name, {known_.begin(), known_.end()}));
  }

 private:
  double as_number(const std::string& field, const json& value) const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (value == "inf") return kInfinity;
    if (value == "-inf") return -kInfinity;
    if (!value.is_number()) fail(field, "expected a number, found " + value.dump());
    return value.get<double>();
  }
  void flatten(const std::string& field, const json& value, const std::vector<std::int64_t>& shape,
               std::size_t axis, std::vector<double>& numbers) const {
    if (axis == shape.size()) {
      const double number = as_number(field, value);
      if (!std::isinf(number) && std::abs(number) > std::numeric_limits<float>::max())
        fail(field, value.dump() + " is beyond what float32 holds");
      numbers.push_back(number);
      return;
    }
    if (!value.is_array() || static_cast<std::int64_t>(value.size()) != shape[axis])
      fail(field, "its lists must all be of one length a level; expected " +
                      std::to_string(shape[axis]) + " items at level " + std::to_string(axis + 1));
    for (const json& item : value) flatten(field, item, shape, axis + 1, numbers);
  }

  const json& object_;
  std::string where_;
  std::set<std::string> known_;
};

OtherCase read_case(const json& value, const std::string& where) {
  Fields fields(value, where);
  OtherCase other;
  other.ids = fields.integers("ids");
  if (other.ids.empty()) other.text = fields.text("text");
  fields.finish();
  return other;
}

SetMean read_mean(Fields& fields) {
  SetMean action;
  const json* of = fields.find("of");
  if (of == nullptr) return action;
  if (!of->is_array()) fields.fail("of", "expected a list of cases");
  for (std::size_t i = 0; i < of->size(); ++i)
    action.of.push_back(read_case((*of)[i], fields.place("of") + "[" + std::to_string(i) + "]"));
  return action;
}

AddNoise read_noise(Fields& fields) {
  AddNoise action;
  action.standard_deviation = fields.number("standard_deviation");
  if (!(action.standard_deviation > 0) || std::isinf(action.standard_deviation))
    fields.fail("standard_deviation", "must be above 0");
  if (const json* seed = fields.find("seed")) {
    if (!seed->is_number_unsigned()) fields.fail("seed", "expected an integer of 0 or more");
    action.seed = seed->get<std::uint64_t>();
  }
  return action;
}

InterventionAction read_action(Fields& fields) {
  const std::string name = fields.text("action");
  if (name == "set") return SetValue{fields.tensor("value")};
  if (name == "add") return AddValue{fields.tensor("value"), fields.number("coefficient", 1.0)};
  if (name == "scale") return ScaleBy{fields.number("factor")};
  if (name == "zero") return SetZero{};
  if (name == "mean") return read_mean(fields);
  if (name == "resample")
    return Resample{read_case(fields.need("from"), fields.place("from")),
                    fields.integers("from_positions")};
  if (name == "noise") return read_noise(fields);
  if (name == "freeze") return Freeze{};
  if (name == "project_out") return ProjectOut{fields.tensor("direction")};
  fields.fail("action", "'" + name +
                            "' is none of set, add, scale, zero, mean, resample, noise, "
                            "freeze, project_out");
}

bool same(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  return a.scalar_type() == b.scalar_type() && at::equal(a, b);
}

struct SameAction {
  bool operator()(const SetValue& a, const SetValue& b) const { return same(a.value, b.value); }
  bool operator()(const AddValue& a, const AddValue& b) const {
    return same(a.value, b.value) && a.coefficient == b.coefficient;
  }
  bool operator()(const ScaleBy& a, const ScaleBy& b) const { return a.factor == b.factor; }
  bool operator()(const SetZero&, const SetZero&) const { return true; }
  bool operator()(const SetMean& a, const SetMean& b) const { return a.of == b.of; }
  bool operator()(const Resample& a, const Resample& b) const {
    return a.from == b.from && a.positions == b.positions;
  }
  bool operator()(const AddNoise& a, const AddNoise& b) const {
    return a.standard_deviation == b.standard_deviation && a.seed == b.seed;
  }
  bool operator()(const Freeze&, const Freeze&) const { return true; }
  bool operator()(const ProjectOut& a, const ProjectOut& b) const {
    return same(a.direction, b.direction);
  }
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

}  // namespace

bool operator==(const Intervention& a, const Intervention& b) {
  return a.at == b.at && std::visit(SameAction{}, a.action, b.action);
}

std::string interventions_to_json(const std::vector<Intervention>& interventions) {
  json list = json::array();
  for (const Intervention& intervention : interventions) {
    json one = {{"hook", intervention.at.hook}};
    const auto indices = [&](const char* name, const std::vector<std::int64_t>& values) {
      if (!values.empty()) one[name] = values;
    };
    indices("layers", intervention.at.layers);
    indices("heads", intervention.at.heads);
    indices("positions", intervention.at.positions);
    indices("keys", intervention.at.keys);
    indices("neurons", intervention.at.neurons);
    std::visit(WriteAction{one}, intervention.action);
    list.push_back(std::move(one));
  }
  return canonical_json(list);
}

std::vector<Intervention> interventions_from_json(std::string_view text,
                                                  const std::string& subject) {
  const json list = parse_json(text, subject, kLimits);
  if (!list.is_array()) throw InputError(subject + ": expected a list of interventions");
  std::vector<Intervention> interventions;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields fields(list[i], subject + ": intervention " + std::to_string(i));
    Intervention one;
    one.at.hook = fields.text("hook");
    one.at.layers = fields.integers("layers");
    one.at.heads = fields.integers("heads");
    one.at.positions = fields.integers("positions");
    one.at.keys = fields.integers("keys");
    one.at.neurons = fields.integers("neurons");
    one.action = read_action(fields);
    fields.finish();
    interventions.push_back(std::move(one));
  }
  return interventions;
}

std::vector<Intervention> read_interventions(const std::filesystem::path& path) {
  return interventions_from_json(read_json(path, kLimits).dump(), path.string());
}

}  // namespace lensbench
