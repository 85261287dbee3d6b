#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "core/text/json.hpp"
#include "core/text/json_reader.hpp"
#include "core/text/suggest.hpp"
#include "model/intervention/part_names.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

/// Directions of wide models are long lists, hence the large limit.
constexpr JsonLimits kLimits = {.max_bytes = std::size_t{256} << 20, .max_depth = 16};

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
  for (const auto& [part, text] : kPartNames)
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

AddValue read_add(Fields& fields) {
  const auto coefficient = fields.find("coefficient");
  return {read_tensor(fields.need("value")), coefficient ? read_number(*coefficient) : 1.0};
}

InterventionAction read_action(Fields& fields) {
  const JsonReader action = fields.need("action");
  const std::string& name = action.string();
  if (name == "set") return SetValue{read_tensor(fields.need("value"))};
  if (name == "add") return read_add(fields);
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

}  // namespace

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
