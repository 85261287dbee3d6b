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
#include <utility>

#include "core/text/json_reader.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

/// Directions of wide models are long lists, hence the large limit.
constexpr JsonLimits kLimits = {.max_bytes = std::size_t{256} << 20, .max_depth = 16};

constexpr std::pair<SequencePart, const char*> kParts[] = {{SequencePart::all, "all"},
                                                           {SequencePart::prompt, "prompt"},
                                                           {SequencePart::generated, "generated"}};

/// JSON lacks infinities; they are texts here, since scores may be set to minus infinity.
json number_json(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (std::isnan(value))
    throw UsageError("intervention: the value holds NaN, which JSON cannot express");
  return value;
}

/// Nested lists, as `tolist` of NumPy gives them; a scalar is a plain number.
json tensor_json(const at::Tensor& value) {
  if (!value.defined()) throw UsageError("intervention: the action lacks its value");
  if (value.dim() == 0) return number_json(value.item<double>());
  json list = json::array();
  for (std::int64_t i = 0; i < value.size(0); ++i) list.push_back(tensor_json(value[i]));
  return list;
}

/// Another sequence, as ids or as text; ids have priority, since they do not depend on a tokenizer.
json case_json(const OtherCase& other) {
  if (!other.ids.empty()) return {{"ids", other.ids}};
  return {{"text", other.text}};
}

/// Writes the action and its fields; `Fields` below reads the same names.
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
    // A range has `from` as a number.
    to[to.contains("from") ? "of" : "from"] = case_json(action.from);
    if (!action.positions.empty()) to["from_positions"] = action.positions;
  }
  void operator()(const AddNoise& action) const {
    to["action"] = "noise";
    to["standard_deviation"] = number_json(action.standard_deviation);
    if (action.seeds.empty())
      to["seed"] = action.seed;
    else
      to["seeds"] = action.seeds;
  }
  void operator()(const Freeze&) const { to["action"] = "freeze"; }
  void operator()(const ProjectOut& action) const {
    to["action"] = "project_out";
    to["direction"] = tensor_json(action.direction);
  }
  void operator()(const SetAlong& action) const {
    to["action"] = "set_along";
    to["direction"] = tensor_json(action.direction);
    to["component"] = number_json(action.component);
  }
};

/// Fields of one JSON object. Fields that were never read are an error.
class Fields {
 public:
  explicit Fields(JsonReader object) : object_(std::move(object)) {}

  std::optional<JsonReader> find(const std::string& field) {
    known_.insert(field);
    return object_.find(field);
  }
  JsonReader need(const std::string& field) {
    known_.insert(field);
    return object_.at(field);
  }
  /// Indices of a list. An empty list is refused, since it could mean all or none.
  std::vector<std::int64_t> integers(const std::string& field) {
    const auto list = find(field);
    if (!list) return {};
    if (list->size() == 0)
      list->fail("expected a list of at least one integer; leave the field out to select all");
    return list->integers();
  }
  /// \throws InputError for a field that was never read
  void finish() const {
    for (const auto& [name, value] : object_.value().items())
      if (!known_.contains(name))
        object_.fail(name, "is not known" + suggest(name, {known_.begin(), known_.end()}));
  }

 private:
  JsonReader object_;
  std::set<std::string> known_;
};

double read_number(const JsonReader& field) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (field.value() == "inf") return kInfinity;
  if (field.value() == "-inf") return -kInfinity;
  return field.number();
}

/// Appends the numbers of nested lists in C order and checks their shape on the way.
void flatten(const JsonReader& value, const std::vector<std::int64_t>& shape, std::size_t axis,
             std::vector<double>& numbers) {
  if (axis == shape.size()) {
    const double number = read_number(value);
    // The tensor is float32; a number that would become infinite is refused.
    if (!std::isinf(number) && std::abs(number) > std::numeric_limits<float>::max())
      value.fail(value.value().dump() + " is beyond the range of float32");
    numbers.push_back(number);
    return;
  }
  if (!value.value().is_array() || static_cast<std::int64_t>(value.size()) != shape[axis])
    value.fail("its lists must have equal length on each level; expected " +
               std::to_string(shape[axis]) + " items at level " + std::to_string(axis + 1));
  for (std::size_t i = 0; i < value.size(); ++i) flatten(value.at(i), shape, axis + 1, numbers);
}

/// The shape is that of the first items on each level; `flatten` checks all others against it.
at::Tensor read_tensor(const JsonReader& field) {
  std::vector<std::int64_t> shape;
  for (const json* level = &field.value(); level->is_array(); level = &level->front()) {
    if (level->empty()) field.fail("a list is empty");
    shape.push_back(static_cast<std::int64_t>(level->size()));
  }
  std::vector<double> numbers;
  flatten(field, shape, 0, numbers);
  const at::Tensor result = at::empty(shape, at::kFloat);
  std::copy(numbers.begin(), numbers.end(), result.data_ptr<float>());
  return result;
}

OtherCase read_case(const JsonReader& object) {
  Fields fields(object);
  OtherCase other;
  other.ids = fields.integers("ids");
  // One of `ids` and `text` is needed.
  if (other.ids.empty()) other.text = fields.need("text").string();
  fields.finish();
  return other;
}

/// An empty `of` is allowed: the mean is then that of the prompt itself.
SetMean read_mean(Fields& fields) {
  SetMean action;
  if (const auto of = fields.find("of"))
    for (std::size_t i = 0; i < of->size(); ++i) action.of.push_back(read_case(of->at(i)));
  return action;
}

std::uint64_t read_seed(const JsonReader& seed) {
  if (!seed.value().is_number_unsigned()) seed.fail_expected("an integer of 0 or more");
  return seed.value().get<std::uint64_t>();
}

/// A deviation of 0 or infinity would make an intervention without effect or without finite result.
AddNoise read_noise(Fields& fields) {
  AddNoise action;
  const JsonReader deviation = fields.need("standard_deviation");
  action.standard_deviation = read_number(deviation);
  if (!(action.standard_deviation > 0) || std::isinf(action.standard_deviation))
    deviation.fail("must be above 0");
  const auto seed = fields.find("seed"), seeds = fields.find("seeds");
  if (seed && seeds) seeds->fail("is given with seed; give one of the two");
  if (seed) action.seed = read_seed(*seed);
  if (!seeds) return action;
  if (seeds->size() == 0) seeds->fail("expected at least one seed; leave the field out for one");
  for (std::size_t i = 0; i < seeds->size(); ++i) action.seeds.push_back(read_seed(seeds->at(i)));
  return action;
}

SequencePart read_part(const JsonReader& where) {
  const std::string& name = where.string();
  for (const auto& [part, text] : kParts)
    if (name == text) return part;
  where.fail("'" + name + "' is unknown; expected all, prompt or generated");
}

/// The field of the other case of a resample: `from`, or `of` where `from` is a position.
JsonReader other_case(Fields& fields) {
  const auto from = fields.find("from"), of = fields.find("of");
  const bool range = from && from->value().is_number();
  if (of && from && !range) of->fail("is given with from; give the other case once");
  return fields.need(range || of ? "of" : "from");
}

InterventionSite read_site(Fields& fields) {
  InterventionSite site;
  site.hook = fields.need("hook").string();
  site.layers = fields.integers("layers");
  site.heads = fields.integers("heads");
  site.positions = fields.integers("positions");
  site.keys = fields.integers("keys");
  site.neurons = fields.integers("neurons");
  const bool resample = fields.need("action").value() == "resample";
  if (const auto from = fields.find("from"))
    if (!resample || from->value().is_number()) site.from = from->integer();
  if (const auto until = fields.find("until")) site.until = until->integer();
  if (const auto where = fields.find("where")) site.where = read_part(*where);
  return site;
}

InterventionAction read_action(Fields& fields) {
  const JsonReader action = fields.need("action");
  const std::string& name = action.string();
  if (name == "set") return SetValue{read_tensor(fields.need("value"))};
  if (name == "add") {
    const auto coefficient = fields.find("coefficient");
    return AddValue{read_tensor(fields.need("value")),
                    coefficient ? read_number(*coefficient) : 1.0};
  }
  if (name == "scale") return ScaleBy{read_number(fields.need("factor"))};
  if (name == "zero") return SetZero{};
  if (name == "mean") return read_mean(fields);
  if (name == "resample")
    return Resample{read_case(other_case(fields)), fields.integers("from_positions")};
  if (name == "noise") return read_noise(fields);
  if (name == "freeze") return Freeze{};
  if (name == "project_out") return ProjectOut{read_tensor(fields.need("direction"))};
  if (name == "set_along")
    return SetAlong{read_tensor(fields.need("direction")), read_number(fields.need("component"))};
  action.fail("'" + name +
              "' is unknown; expected set, add, scale, zero, mean, resample, noise, freeze, "
              "project_out or set_along");
}

/// Equal type, shape and numbers. Interventions are compared to know whether two requests are one.
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
    return a.standard_deviation == b.standard_deviation && a.seed == b.seed && a.seeds == b.seeds;
  }
  bool operator()(const Freeze&, const Freeze&) const { return true; }
  bool operator()(const ProjectOut& a, const ProjectOut& b) const {
    return same(a.direction, b.direction);
  }
  bool operator()(const SetAlong& a, const SetAlong& b) const {
    return same(a.direction, b.direction) && a.component == b.component;
  }
  template <class A, class B>
  // Actions of different kinds are different.
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
    // An empty selection means all and is left out, as the reader expects.
    const auto indices = [&](const char* name, const std::vector<std::int64_t>& values) {
      if (!values.empty()) one[name] = values;
    };
    indices("layers", intervention.at.layers);
    indices("heads", intervention.at.heads);
    indices("positions", intervention.at.positions);
    indices("keys", intervention.at.keys);
    indices("neurons", intervention.at.neurons);
    if (intervention.at.from) one["from"] = *intervention.at.from;
    if (intervention.at.until) one["until"] = *intervention.at.until;
    for (const auto& [part, name] : kParts)
      if (intervention.at.where == part && part != SequencePart::all) one["where"] = name;
    std::visit(WriteAction{one}, intervention.action);
    list.push_back(std::move(one));
  }
  // Canonical JSON: equal interventions give equal text, whose digest the archive keeps.
  return canonical_json(list);
}

std::vector<Intervention> interventions_from_json(std::string_view text,
                                                  const std::string& subject) {
  const json list = parse_json(text, subject, kLimits);
  if (!list.is_array()) throw InputError(subject + ": expected a list of interventions");
  std::vector<Intervention> interventions;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields fields(JsonReader(list[i], subject + ": intervention " + std::to_string(i)));
    Intervention one;
    one.at = read_site(fields);
    one.action = read_action(fields);
    // Last, so that misspelled fields are reported with the names that this action knows.
    fields.finish();
    interventions.push_back(std::move(one));
  }
  return interventions;
}

std::vector<Intervention> read_interventions(const std::filesystem::path& path) {
  // One reader for both sources; the text names the file in messages.
  return interventions_from_json(read_json(path, kLimits).dump(), path.string());
}

}  // namespace lensbench
