#include "core/dataset/case_join.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <nlohmann/json.hpp>

// Join of the results of cases, in two passes over the parts: `scan` finds what is equal and what
// differs, `finish` decides the form of each variable from that, `pieces` gives the values. A
// decision needs all parts, and their values need not be in memory together. The forms are
// described at `join_cases`.

namespace lensbench {
namespace {

using Source = JoinedVariable::Source;

bool has_dim(const Variable& variable, const std::string& dim) {
  return std::find(variable.dims.begin(), variable.dims.end(), dim) != variable.dims.end();
}

/// Copy of `like` without its values.
Variable described_as(const Variable& like) {
  Variable variable = like;
  variable.tensor = at::Tensor();
  variable.strings.clear();
  return variable;
}

Variable coordinate(const std::string& name, const std::string& dim, const std::string& long_name) {
  return {.name = name, .dims = {dim}, .long_name = long_name, .coordinate = true};
}

/// Text of an attribute that differs between cases and is not a number in all of them.
std::string attribute_text(const Attribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute)) return *text;
  return std::visit([](const auto& value) { return nlohmann::json(value).dump(); }, attribute);
}

std::optional<double> attribute_number(const std::optional<Attribute>& attribute) {
  if (!attribute) return std::nullopt;
  if (const auto* integer = std::get_if<std::int64_t>(&*attribute))
    return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&*attribute)) return *number;
  return std::nullopt;
}

}  // namespace

std::int64_t CaseJoin::length(const Part& part, const std::string& dim) const {
  const auto& dims = first_.dims();
  const auto found =
      std::find_if(dims.begin(), dims.end(), [&](const auto& known) { return known.first == dim; });
  return part.lengths[static_cast<std::size_t>(found - dims.begin())];
}

std::int64_t CaseJoin::total(const std::string& dim) const {
  std::int64_t sum = 0;
  for (const Part& part : parts_) sum += length(part, dim);
  return sum;
}

bool CaseJoin::varies(const Variable& variable) const {
  return std::any_of(variable.dims.begin(), variable.dims.end(),
                     [&](const auto& dim) { return varying_.contains(dim); });
}

/// Whether a variable of the joined dataset has this name; variables apart have other names.
bool CaseJoin::knows(const std::string& name) const {
  return std::any_of(variables_.begin(), variables_.end(), [&](const JoinedVariable& joined) {
    return joined.source != Source::apart && joined.variable.name == name;
  });
}

/// The token axis comes first and the case axis last, since only the variables between them decide
/// whether the latter is used.
void CaseJoin::finish() {
  if (!row_dim_.empty()) add_token_rows();
  for (const Variable& variable : first_.variables())
    if (!knows(variable.name)) add_of_parts(variable);
  add_attributes();
  if (case_axis_used_) add_case_axis();
}

void CaseJoin::add(Variable variable, Source source, std::int64_t axis,
                   std::vector<std::int64_t> shape) {
  JoinedVariable joined;
  joined.source = source;
  joined.is_text = variable.is_text();
  if (variable.tensor.defined()) joined.type = variable.tensor.scalar_type();
  joined.variable = source == Source::known ? std::move(variable) : described_as(variable);
  joined.axis = axis;
  joined.shape = std::move(shape);
  variables_.push_back(std::move(joined));
}

/// The rows of the token axis are numbered anew over all parts; `case(token)` gives the part.
void CaseJoin::add_token_rows() {
  std::int64_t rows_before = 0;
  for (Part& part : parts_) {
    part.first_token = rows_before;
    rows_before += length(part, row_dim_);
  }
  const std::vector<std::int64_t> rows{rows_before};
  Variable token = coordinate(
      row_dim_, row_dim_,
      row_dim_ == "token" ? "row of the token axis" : "row of the axis of picture tokens");
  // An empty tensor has the type that the rows will have.
  token.tensor = at::empty({0}, at::kInt);
  add(std::move(token), Source::pieces, 0, rows);
  if (has_cases_) return;
  Variable number = coordinate("case", row_dim_, "number of the case");
  number.tensor = at::empty({0}, at::kInt);
  add(std::move(number), Source::pieces, 0, rows);
}

/// A variable whose values are concatenated along `dim`.
void CaseJoin::add_concatenated(const Variable& variable, const std::string& dim) {
  const auto at = std::find(variable.dims.begin(), variable.dims.end(), dim);
  case_axis_used_ = case_axis_used_ || dim == "case";
  std::vector<std::int64_t> shape = variable.shape();
  shape[static_cast<std::size_t>(at - variable.dims.begin())] = total(dim);
  add(variable, Source::pieces, at - variable.dims.begin(), std::move(shape));
}

/// Form of one variable of the parts, by its axes.
void CaseJoin::add_of_parts(const Variable& variable) {
  // Texts have one axis, so that they cannot get a case axis in addition.
  const bool text_of_a_case = variable.is_text() && !has_dim(variable, row_dim_) &&
                              !has_dim(variable, "case") && !variable.coordinate;
  if (variable.name == "case" && has_cases_) {
    case_axis_used_ = true;
    return;  // add_case_axis() makes it for all cases
  }
  if (varies(variable) || text_of_a_case) return add(variable, Source::apart, 0, {});
  for (const std::string& dim : {row_dim_, std::string("case")})
    if (has_dim(variable, dim)) return add_concatenated(variable, dim);
  // A coordinate that is equal in all parts is stored once.
  if (variable.coordinate && !variable.dims.empty())
    return add(variable, Source::known, 0, variable.shape());
  // All that is left has one value or array for each case.
  case_axis_used_ = true;
  std::vector<std::int64_t> shape = variable.shape();
  shape.insert(shape.begin(), static_cast<std::int64_t>(parts_.size()));
  Variable stacked = variable;
  stacked.dims.insert(stacked.dims.begin(), case_dim_);
  add(std::move(stacked), Source::pieces, 0, std::move(shape));
}

/// Numbers and ids along the case axis; a part with several rows of its own repeats them.
void CaseJoin::add_case_axis() {
  const bool own = has_cases_ && case_dim_ == "case";
  std::vector<std::int64_t> numbers;
  Variable id = coordinate("case_id", case_dim_, "id of the case");
  for (const Part& part : parts_) {
    const auto rows = static_cast<std::size_t>(own ? length(part, "case") : 1);
    numbers.insert(numbers.end(), rows, part.number);
    id.strings.insert(id.strings.end(), rows, part.id);
  }
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(numbers.size())};
  Variable number = coordinate(case_dim_, case_dim_, "number of the case");
  number.tensor = at::tensor(numbers, at::kLong).to(at::kInt);
  add(std::move(number), Source::known, 0, shape);
  if (!knows("case_id")) add(std::move(id), Source::known, 0, shape);
}

/// An attribute that all parts share remains one; any other becomes a variable over cases.
void CaseJoin::add_attributes() {
  for (const auto& [name, values] : part_attributes_)
    if (values.size() == 1 && values.front())
      attributes_[name] = *values.front();
    else
      add_attribute_over_cases(name);
}

/// Stores an attribute as a variable over cases: numbers if all cases have numbers, else texts.
void CaseJoin::add_attribute_over_cases(const std::string& name) {
  std::vector<std::string> texts;
  std::vector<double> numbers;
  for (const auto& value : part_attributes_.at(name)) {
    texts.push_back(value ? attribute_text(*value) : "");
    if (const auto number = attribute_number(value)) numbers.push_back(*number);
  }
  // A case with several rows on the case axis leaves no axis with one entry per case.
  if (has_cases_) {
    attributes_[name] = texts;
    return;
  }
  Variable variable{.name = knows(name) ? name + "_of_case" : name,
                    .dims = {case_dim_},
                    .long_name = "attribute '" + name + "' of each case"};
  // A number is missing in at least one case, so all are stored as text.
  if (numbers.size() == parts_.size())
    variable.tensor = at::tensor(numbers, at::kDouble);
  else
    variable.strings = std::move(texts);
  case_axis_used_ = true;
  add(std::move(variable), Source::known, 0, {static_cast<std::int64_t>(parts_.size())});
}

}  // namespace lensbench
