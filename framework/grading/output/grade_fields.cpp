#include "grading/output/grade_fields.hpp"

#include <cmath>
#include <utility>

#include "report/terminal/numbers.hpp"

namespace lensbench::grading {
namespace {

using terminal::fixed;

std::string small_number(double value) {
  if (std::isnan(value)) return "";
  return std::abs(value) >= 0.01 || value == 0 ? fixed(value, 2) : terminal::number(value);
}

Field value_of(const std::string& header, const std::string& metric,
               std::string (*format)(double) = two_digits) {
  return {header, [metric, format](const Entry& entry) {
            const Estimate* estimate = find_estimate(entry, metric);
            return estimate == nullptr ? std::string() : format(estimate->value);
          }};
}

Field of_estimate(const std::string& header, const std::string& metric,
                  std::function<std::string(const Estimate&)> text) {
  return {header, [metric, text](const Entry& entry) {
            const Estimate* estimate = find_estimate(entry, metric);
            return estimate == nullptr ? std::string() : text(*estimate);
          }};
}

/// Value, interval, and what the shuffled model gives.
std::vector<Field> compared(const std::string& header, const std::string& metric) {
  return {
      value_of(header, metric),
      of_estimate("[95 %]", metric, [](const Estimate& e) { return interval_text(e.low, e.high); }),
      of_estimate("shuffled", metric, [](const Estimate& e) { return two_digits(e.shuffled); })};
}

std::string lift_text(const Estimate& e) {
  if (std::isnan(e.shuffled)) return "";
  return e.like_shuffled() ? "none" : two_digits(e.lift());
}

std::vector<Field> effect_fields() {
  std::vector<Field> fields = compared("AUROC", "auroc");
  fields.push_back(of_estimate("lift", "auroc", lift_text));
  for (const auto& [header, metric] : {std::pair("AP", "ap"),
                                       {"r", "r"},
                                       {"r(total)", "r_total"},
                                       {"r(direct)", "r_direct"},
                                       {"rho", "rho"},
                                       {"sign", "sign"}})
    fields.push_back(value_of(header, metric));
  fields.push_back(value_of("E", "error", small_number));
  fields.push_back(value_of("cover", "coverage"));
  return fields;
}

std::vector<Field> edge_fields() {
  std::vector<Field> fields = compared("AUROC", "auroc");
  fields.push_back(of_estimate("lift", "auroc", lift_text));
  for (const auto& [header, metric] : {std::pair("AP", "ap"),
                                       {"r", "r"},
                                       {"sign", "sign"},
                                       {"CPR", "cpr"},
                                       {"CMD", "cmd"},
                                       {"CMD log", "cmd_log"}})
    fields.push_back(value_of(header, metric));
  fields.push_back(value_of("E", "error", small_number));
  fields.push_back(value_of("cover", "coverage"));
  return fields;
}

/// Columns of a kind alone.
std::vector<Field> own_fields(TableKind kind) {
  std::vector<Field> fields;
  switch (kind) {
    case TableKind::effects:
      return effect_fields();
    case TableKind::edges:
      return edge_fields();
    case TableKind::stream:
      fields = compared("true mass", "mass");
      fields.push_back(value_of("layers off", "distance"));
      fields.push_back(value_of("r", "r"));
      fields.push_back(value_of("E", "error", small_number));
      fields.push_back(value_of("cover", "coverage"));
      return fields;
    case TableKind::probability:
      return {value_of("largest |p - true|", "largest", small_number),
              of_estimate("shuffled", "largest",
                          [](const Estimate& e) { return two_digits(e.shuffled); }),
              value_of("cover", "coverage")};
    case TableKind::rank:
      return {value_of("wrong ranks", "wrong"),
              of_estimate("shuffled", "wrong",
                          [](const Estimate& e) { return two_digits(e.shuffled); }),
              value_of("cover", "coverage")};
    case TableKind::layer:
      return {value_of("layers off", "layer_error"),
              of_estimate("shuffled", "layer_error",
                          [](const Estimate& e) { return two_digits(e.shuffled); }),
              value_of("after the answer's layer", "after_answer_layer"),
              value_of("share before it", "early"), value_of("cover", "coverage")};
    case TableKind::distribution:
      return {value_of("largest |x - true|", "largest", small_number),
              of_estimate("shuffled", "largest",
                          [](const Estimate& e) { return two_digits(e.shuffled); }),
              value_of("E", "error", small_number), value_of("cover", "coverage")};
    case TableKind::features:
      fields = compared("MCC", "mcc");
      fields.push_back(value_of("found", "found"));
      fields.push_back(value_of("FVU", "fvu"));
      fields.push_back(value_of("cover", "coverage"));
      return fields;
    case TableKind::presence:
      fields = compared("AUROC", "auroc");
      fields.push_back(value_of("where it is", "present"));
      fields.push_back(value_of("where it is not", "absent"));
      fields.push_back(value_of("selectivity", "selectivity"));
      fields.push_back(value_of("cover", "coverage"));
      return fields;
    case TableKind::attention:
      break;
  }
  fields = compared("mass on the key", "mass");
  fields.push_back(value_of("of heads without effect", "idle_mass"));
  fields.push_back(value_of("largest |mass - true|", "largest", small_number));
  return fields;
}

/// How much worse each entry is than the best one: columns of every table.
std::vector<Field> worse_fields() {
  const auto headline = [](const std::string& header, std::string (*text)(const Estimate&)) {
    return Field{header, [text](const Entry& entry) {
                   return entry.estimates.empty() || std::isnan(entry.estimates.front().worse)
                              ? std::string()
                              : text(entry.estimates.front());
                 }};
  };
  return {headline("worse than best", [](const Estimate& e) { return small_number(e.worse); }),
          headline("its [95 %]",
                   [](const Estimate& e) { return interval_text(e.worse_low, e.worse_high); })};
}

}  // namespace

std::string two_digits(double value) {
  return std::isnan(value) ? "" : fixed(value, 2);
}

std::string interval_text(double low, double high) {
  return std::isnan(low) ? "" : "[" + fixed(low, 2) + ", " + fixed(high, 2) + "]";
}

std::vector<Field> fields_of(TableKind kind) {
  std::vector<Field> fields = own_fields(kind);
  for (Field& field : worse_fields()) fields.push_back(std::move(field));
  for (const char* control : {"null", "gauge"})
    fields.push_back(value_of(control, control, small_number));
  return fields;
}

const char* title_of(TableKind kind) {
  switch (kind) {
    case TableKind::effects:
      return "Components: membership by size, and effects";
    case TableKind::edges:
      return "Edges: membership by size, and effects";
    case TableKind::stream:
      return "Places of the stream: share of the true mass in as many best cells as there are true "
             "ones";
    case TableKind::probability:
      return "Readout: probability of the answer at each layer";
    case TableKind::rank:
      return "Readout: rank of the answer at each layer";
    case TableKind::layer:
      return "Readout: layer from which the answer stays first";
    case TableKind::distribution:
      return "Distributions: numbers of the distribution that each token came from";
    case TableKind::features:
      return "Features: mean over planted ones, each matched with one that was found";
    case TableKind::presence:
      return "Presence: accuracy at layers that have a variable against layers that do not";
    case TableKind::attention:
      break;
  }
  return "Attention: mass on the planted key";
}

}  // namespace lensbench::grading
