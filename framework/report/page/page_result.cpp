#include "report/page/page_result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <lensbench/result_spec.hpp>
#include <set>
#include <string_view>
#include <utility>

namespace lensbench::page {
namespace {

/// View of the scores of graded tools, which no tool declares.
constexpr std::string_view kGrades = "grades";

/// Coordinates that the page has in other places: the axis `token` of each case, and the numbers
/// and ids of the cases.
bool is_in_other_places(const Variable& facts) {
  static const std::set<std::string> kNames = {"token",       "case",    "position",   "input_id",
                                               "input_token", "case_id", "case_number"};
  return facts.coordinate && kNames.contains(facts.name) && facts.dims.size() == 1;
}

/// The name of a dimension or variable without the number of its case.
std::string base_of(const std::string& name) {
  const auto one = of_one_case(name);
  return one ? one->first : name;
}

/// The case that a variable belongs to by its dimensions, `query_position_case3`. Texts of a case
/// have the number in the name of the variable alone.
std::optional<std::int64_t> case_of(const StoredVariable& variable) {
  for (const std::string& dim : variable.facts.dims)
    if (const auto one = of_one_case(dim)) return one->second;
  if (variable.rows) return std::nullopt;
  const auto one = of_one_case(variable.facts.name);
  return one ? std::optional(one->second) : std::nullopt;
}

/// Texts of a coordinate of numbers, unless they are 0, 1, ….
std::vector<std::string> numbers_as_labels(const StoredVariable& variable) {
  const at::Tensor values = variable.rows({}, 0, variable.shape[0]);
  if (at::equal(values.to(at::kDouble), at::arange(values.numel(), at::kDouble))) return {};
  std::vector<std::string> labels;
  labels.reserve(static_cast<std::size_t>(values.numel()));
  const bool floats = at::isFloatingType(values.scalar_type());
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    if (floats)
      labels.push_back(nlohmann::json(values[i].item<double>()).dump());
    else
      labels.push_back(std::to_string(values[i].item<std::int64_t>()));
  }
  return labels;
}

/// Cuts one result.
class Cutter {
 public:
  Cutter(PageResult& result, const std::vector<std::int64_t>& chosen)
      : result_(result), chosen_(chosen) {}

  void run() {
    for (const StoredVariable& variable : result_.data.variables)
      for (std::size_t axis = 0; axis < variable.shape.size(); ++axis)
        add_dim(variable.facts.dims[axis], variable.shape[axis]);
    for (PageDim& dim : result_.dims) label(dim);
    add_tokens();
    for (const StoredVariable& variable : result_.data.variables)
      if (!labels_.contains(variable.facts.name) && !is_in_other_places(variable.facts))
        add_variable(variable);
  }

 private:
  void add_dim(const std::string& name, std::int64_t size) {
    if (!rows_.contains(name)) rows_[name] = rows_of_cases(result_.data, name);
    const std::string base = base_of(name);
    const auto known = std::find_if(result_.dims.begin(), result_.dims.end(),
                                    [&](const PageDim& dim) { return dim.name == base; });
    if (known == result_.dims.end())
      result_.dims.push_back({base, size, {}});
    else
      known->size = std::max(known->size, size);
  }

  const StoredVariable* coordinate(const std::string& name, const std::string& dim) const {
    for (const StoredVariable& variable : result_.data.variables)
      if (variable.facts.name == name && variable.facts.coordinate &&
          variable.facts.dims == std::vector<std::string>{dim})
        return &variable;
    return nullptr;
  }

  // Labels from `<dim>_label`, else from the coordinate of the dimension itself.
  void label(PageDim& dim) {
    if (dim.name == "token" || dim.name == "case" || dim.name == "case_number") return;
    if (const auto* texts = coordinate(dim.name + "_label", dim.name); texts && !texts->rows) {
      dim.labels = texts->facts.strings;
      labels_.insert(texts->facts.name);
    }
    const auto* own = coordinate(dim.name, dim.name);
    if (own == nullptr) return;
    labels_.insert(dim.name);
    if (dim.labels.empty()) dim.labels = own->rows ? numbers_as_labels(*own) : own->facts.strings;
  }

  void add_tokens() {
    const RowsOfCases& rows = rows_["token"];
    const auto* position = numbers_of(result_.data, "position", {"token"});
    const auto* id = numbers_of(result_.data, "input_id", {"token"});
    const auto* text = coordinate("input_token", "token");
    for (const std::int64_t number : chosen_) {
      const auto found = rows.find(number);
      if (found == rows.end()) continue;
      const auto [first, count] = found->second;
      PageTokens tokens{number, first, count, at::arange(count, at::kInt), {}, {}};
      if (position != nullptr) tokens.position = position->rows({}, first, count);
      if (id != nullptr) tokens.input_id = id->rows({}, first, count);
      if (text != nullptr && !text->rows)
        tokens.input_token = {text->facts.strings.begin() + first,
                              text->facts.strings.begin() + first + count};
      result_.tokens.push_back(std::move(tokens));
    }
  }

  void add_variable(const StoredVariable& variable) {
    const auto number = case_of(variable);
    const std::string name = number ? base_of(variable.facts.name) : variable.facts.name;
    if (number && !is_chosen(*number)) {
      // Named on the page even so, with the command that shows it.
      page_variable(name, variable);
      return;
    }
    PageVariable& page = page_variable(name, variable);
    if (number) {
      page.parts.push_back({*number, &variable, std::nullopt, {}});
      return;
    }
    for (std::size_t axis = 0; axis < variable.shape.size(); ++axis) {
      const RowsOfCases& rows = rows_[variable.facts.dims[axis]];
      if (rows.empty()) continue;
      for (const std::int64_t chosen : chosen_)
        if (const auto found = rows.find(chosen); found != rows.end())
          page.parts.push_back({chosen, &variable, axis, found->second});
      return;
    }
    page.parts.push_back({-1, &variable, std::nullopt, {}});
  }

  PageVariable& page_variable(const std::string& name, const StoredVariable& variable) {
    for (PageVariable& known : result_.variables)
      if (known.name == name) return known;
    std::vector<std::string> dims;
    for (const std::string& dim : variable.facts.dims) dims.push_back(base_of(dim));
    result_.variables.push_back({name, std::move(dims), &variable, {}});
    return result_.variables.back();
  }

  bool is_chosen(std::int64_t number) const {
    return std::find(chosen_.begin(), chosen_.end(), number) != chosen_.end();
  }

  PageResult& result_;
  const std::vector<std::int64_t>& chosen_;
  std::map<std::string, RowsOfCases> rows_;
  std::set<std::string> labels_;  ///< coordinates that became labels
};

/// The view that the tool declared; empty for an unknown one, and for `general`, which a variable
/// has whose tool did not say more.
std::string declared_view(const PageVariable& variable) {
  const auto found = variable.facts().attributes.find("view");
  if (found == variable.facts().attributes.end()) return "";
  const auto* name = std::get_if<std::string>(&found->second);
  const bool known =
      name != nullptr && *name != "general" && (lensbench::view_of(*name) || *name == kGrades);
  return known ? *name : "";
}

bool has_variable(const PageResult& result, const std::string& name) {
  return std::any_of(result.variables.begin(), result.variables.end(),
                     [&](const PageVariable& one) { return one.name == name; });
}

}  // namespace

std::vector<std::int64_t> PagePart::shape() const {
  std::vector<std::int64_t> shape = stored->shape;
  if (!stored->rows) shape = {std::ssize(stored->facts.strings)};
  if (axis) shape[*axis] = rows.count;
  return shape;
}

bool PageVariable::has_dim(std::string_view dim) const {
  return std::find(dims.begin(), dims.end(), dim) != dims.end();
}

std::vector<std::unique_ptr<PageResult>> open_results(const RunSource& source,
                                                      const std::vector<std::int64_t>& cases) {
  std::vector<std::unique_ptr<PageResult>> results;
  for (const std::string& name : source.names) {
    // Parts refer to the stored variables, so that a result must not move.
    auto result = std::make_unique<PageResult>();
    result->name = name;
    result->data = source.stored(name, cases);
    results.push_back(std::move(result));
  }
  return results;
}

void cut_results(const std::vector<std::unique_ptr<PageResult>>& results,
                 const std::vector<std::int64_t>& chosen) {
  for (const auto& result : results) Cutter(*result, chosen).run();
}

std::string view_of(const PageVariable& variable, const PageResult& result) {
  const std::string declared = declared_view(variable);
  // Pictures are of numbers: the table is the view that lists texts.
  if (!variable.stored->rows) return declared.empty() ? "general" : "table";
  if (!declared.empty()) return declared;
  if (!interval_of(variable, result).empty()) return "statistics";
  std::vector<std::string> dims = variable.dims;
  std::erase_if(dims, [](const std::string& dim) { return dim == "case" || dim == "case_number"; });
  if (dims.empty()) return variable.dims.empty() ? "general" : "table";
  const bool layers = variable.has_dim("layer") || variable.has_dim("block");
  if (dims.back() == "key_position" && dims.size() > 1) return "attention";
  if (variable.has_dim("component") || variable.has_dim("neuron")) return "bars";
  if (variable.has_dim("token"))
    return dims.size() == 1 ? "tokens" : layers && dims.size() == 2 ? "heatmap" : "general";
  if (dims.size() == 1 && layers) return "trajectory";
  if (variable.has_dim("head")) return layers ? "heatmap" : "bars";
  return "general";
}

std::vector<std::string> interval_of(const PageVariable& variable, const PageResult& result) {
  std::string name = variable.name;
  for (const char* suffix : {"", "_mean"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string base = name.substr(0, name.size() - std::string_view(suffix).size());
    if (has_variable(result, base + "_interval")) return {base + "_interval"};
    if (has_variable(result, base + "_low") && has_variable(result, base + "_high"))
      return {base + "_low", base + "_high"};
  }
  return {};
}

}  // namespace lensbench::page
