#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <lensbench/dataset.hpp>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace lensbench {
namespace {

bool has_dim(const Variable& variable, const std::string& dim) {
  return std::find(variable.dims.begin(), variable.dims.end(), dim) != variable.dims.end();
}

bool has_dim(const Dataset& dataset, const std::string& dim) {
  return std::any_of(dataset.dims().begin(), dataset.dims().end(),
                     [&](const auto& known) { return known.first == dim; });
}

/// Equal to the bit, NaN included.
bool same_values(const Variable& a, const Variable& b) {
  if (a.is_text()) return a.strings == b.strings;
  return a.tensor.sizes() == b.tensor.sizes() &&
         std::memcmp(a.tensor.data_ptr(), b.tensor.data_ptr(), a.tensor.nbytes()) == 0;
}

/// A variable of the joined dataset: everything of `like` but its values.
Variable described_as(const Variable& like) {
  Variable variable = like;
  variable.tensor = at::Tensor();
  variable.strings.clear();
  return variable;
}

at::Tensor int32_tensor(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong).to(at::kInt);
}

std::string attribute_text(const Attribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute)) return *text;
  return std::visit([](const auto& value) { return nlohmann::json(value).dump(); }, attribute);
}

class Joiner {
 public:
  Joiner(const std::vector<Dataset>& parts, const std::vector<std::int64_t>& numbers,
         const std::vector<std::string>& ids)
      : parts_(parts), numbers_(numbers), ids_(ids) {
    for (const Dataset& part : parts) check_joinable(parts.front(), part);
    has_tokens_ = has_dim(first(), "token");
    has_cases_ = has_dim(first(), "case");
    case_dim_ = has_tokens_ && !has_cases_ ? "case_number" : "case";
    for (const auto& [dim, length] : first().dims())
      if (dim != "token" && dim != "case" && differs_between_cases(dim)) varying_.insert(dim);
  }

  Dataset join() {
    if (has_tokens_) add_token_rows();
    for (std::size_t v = 0; v < first().variables().size(); ++v) add(v);
    add_attributes();
    if (case_axis_used_) add_case_axis();
    join_receipts();
    return std::move(joined_);
  }

 private:
  const Dataset& first() const { return parts_.front(); }
  const Variable& part(std::size_t p, const std::string& name) const { return parts_[p][name]; }

  bool differs_between_cases(const std::string& dim) const {
    for (const Dataset& other : parts_) {
      if (other.dim(dim) != first().dim(dim)) return true;
      for (const Variable& variable : first().variables())
        if (variable.coordinate && variable.dims == std::vector<std::string>{dim} &&
            !same_values(variable, other[variable.name]))
          return true;
    }
    return false;
  }

  /// Each case's number, once for each entry that its part has along `dim`.
  at::Tensor numbers_along(const std::string& dim) const {
    std::vector<std::int64_t> values;
    for (std::size_t p = 0; p < parts_.size(); ++p)
      values.insert(values.end(), static_cast<std::size_t>(parts_[p].dim(dim)), numbers_[p]);
    return int32_tensor(values);
  }

  void add_token_rows() {
    std::int64_t rows = 0;
    for (const Dataset& part : parts_) rows += part.dim("token");
    joined_.add_coordinate("token", at::arange(rows, at::kInt), "row of the token axis");
    if (has_cases_) return;
    Variable number;
    number.name = "case";
    number.dims = {"token"};
    number.tensor = numbers_along("token");
    number.long_name = "number of the case";
    number.coordinate = true;
    joined_.add(std::move(number));
  }

  void add(std::size_t index) {
    const Variable& variable = first().variables()[index];
    const bool varies = std::any_of(variable.dims.begin(), variable.dims.end(),
                                    [&](const auto& dim) { return varying_.count(dim) > 0; });
    if (joined_.contains(variable.name)) return;  // `token` and `case`, made anew
    if (variable.name == "case" && has_cases_)
      case_axis_used_ = true;
    else if (varies || (variable.is_text() && !has_dim(variable, "token") &&
                        !has_dim(variable, "case") && !variable.coordinate))
      keep_apart(variable);
    else if (has_dim(variable, "token"))
      concatenate(variable, "token");
    else if (has_dim(variable, "case"))
      concatenate(variable, "case");
    else if (variable.coordinate && !variable.dims.empty())
      joined_.add(variable);
    else
      stack(variable);
  }

  void concatenate(const Variable& variable, const std::string& dim) {
    if (dim == "case") case_axis_used_ = true;
    Variable whole = described_as(variable);
    std::vector<at::Tensor> tensors;
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const Variable& piece = part(p, variable.name);
      tensors.push_back(piece.tensor);
      whole.strings.insert(whole.strings.end(), piece.strings.begin(), piece.strings.end());
    }
    const auto axis = std::find(variable.dims.begin(), variable.dims.end(), dim);
    if (!variable.is_text()) whole.tensor = at::cat(tensors, axis - variable.dims.begin());
    joined_.add(std::move(whole));
  }

  void stack(const Variable& variable) {
    case_axis_used_ = true;
    Variable whole = described_as(variable);
    std::vector<at::Tensor> tensors;
    for (std::size_t p = 0; p < parts_.size(); ++p)
      tensors.push_back(part(p, variable.name).tensor);
    whole.tensor = at::stack(tensors);
    whole.dims.insert(whole.dims.begin(), case_dim_);
    joined_.add(std::move(whole));
  }

  void keep_apart(const Variable& variable) {
    for (std::size_t p = 0; p < parts_.size(); ++p) {
      const std::string suffix = "_case" + std::to_string(numbers_[p]);
      Variable own = part(p, variable.name);
      own.name += suffix;
      for (std::string& dim : own.dims)
        if (varying_.count(dim) > 0 || dim == "token" || dim == "case") dim += suffix;
      joined_.add(std::move(own));
    }
  }

  void add_case_axis() {
    const bool own = has_cases_ && case_dim_ == "case";
    joined_.add_coordinate(case_dim_, own ? numbers_along("case") : int32_tensor(numbers_),
                           "number of the case");
    if (joined_.contains("case_id")) return;
    Variable id;
    id.name = "case_id";
    id.dims = {case_dim_};
    for (std::size_t p = 0; p < parts_.size(); ++p)
      id.strings.insert(id.strings.end(),
                        own ? static_cast<std::size_t>(parts_[p].dim("case")) : std::size_t{1},
                        ids_[p]);
    id.long_name = "id of the case";
    id.coordinate = true;
    joined_.add(std::move(id));
  }

  std::optional<Attribute> attribute(const Dataset& part, const std::string& name) const {
    const auto found = part.attributes.find(name);
    return found == part.attributes.end() ? std::nullopt : std::optional(found->second);
  }

  void add_attributes() {
    std::set<std::string> names;
    for (const Dataset& part : parts_)
      for (const auto& [name, value] : part.attributes) names.insert(name);
    for (const std::string& name : names) {
      const auto common = attribute(first(), name);
      const bool agree = std::all_of(parts_.begin(), parts_.end(), [&](const Dataset& part) {
        return attribute(part, name) == common;
      });
      if (agree)
        joined_.attributes[name] = *common;
      else
        add_attribute_over_cases(name);
    }
  }

  /// As numbers where all cases have numbers, else as texts.
  void add_attribute_over_cases(const std::string& name) {
    std::vector<std::string> texts;
    std::vector<double> numbers;
    for (const Dataset& part : parts_) {
      const auto value = attribute(part, name);
      texts.push_back(value ? attribute_text(*value) : "");
      if (value && std::holds_alternative<std::int64_t>(*value))
        numbers.push_back(static_cast<double>(std::get<std::int64_t>(*value)));
      else if (value && std::holds_alternative<double>(*value))
        numbers.push_back(std::get<double>(*value));
    }
    // Where a case has several rows, no axis has one entry a case.
    if (has_cases_) {
      joined_.attributes[name] = texts;
      return;
    }
    Variable variable;
    variable.name = joined_.contains(name) ? name + "_of_case" : name;
    variable.dims = {case_dim_};
    variable.long_name = "attribute '" + name + "' of each case";
    if (numbers.size() == parts_.size())
      variable.tensor = at::tensor(numbers, at::kDouble);
    else
      variable.strings = std::move(texts);
    case_axis_used_ = true;
    joined_.add(std::move(variable));
  }

  void join_receipts() {
    for (const Dataset& part : parts_)
      for (const Receipt& receipt : part.receipts) {
        const auto known =
            std::find_if(joined_.receipts.begin(), joined_.receipts.end(),
                         [&](const Receipt& other) { return other.name == receipt.name; });
        if (known == joined_.receipts.end())
          joined_.receipts.push_back(receipt);
        else if (is_worse(receipt, *known))
          *known = receipt;
      }
  }

  const std::vector<Dataset>& parts_;
  const std::vector<std::int64_t>& numbers_;
  const std::vector<std::string>& ids_;
  bool has_tokens_ = false, has_cases_ = false, case_axis_used_ = false;
  std::string case_dim_;
  std::set<std::string> varying_;
  Dataset joined_;
};

std::string dims_text(const Variable& variable) {
  std::string text;
  for (const std::string& dim : variable.dims) text += (text.empty() ? "" : ", ") + dim;
  return "(" + text + ")";
}

std::string type_text(const Variable& variable) {
  return variable.is_text() ? "strings" : at::toString(variable.tensor.scalar_type());
}

void check_joinable(const Variable& a, const Variable& b) {
  const auto differ = [&](const std::string& what, const std::string& x, const std::string& y) {
    if (x != y)
      throw UsageError("variable '" + a.name + "': its " + what + " is " + y + " in one case but " +
                       x + " in an earlier one; save what differs under another name");
  };
  differ("element type", type_text(a), type_text(b));
  differ("list of dimensions", dims_text(a), dims_text(b));
  differ("unit", "'" + a.units + "'", "'" + b.units + "'");
  differ("description", "'" + a.long_name + "'", "'" + b.long_name + "'");
  differ("role", a.coordinate ? "coordinate" : "data", b.coordinate ? "coordinate" : "data");
  differ("content", a.holds == Holds::token_ids ? "token ids" : "numbers",
         b.holds == Holds::token_ids ? "token ids" : "numbers");
  if (a.attributes != b.attributes)
    throw UsageError("variable '" + a.name +
                     "': its attributes differ between cases; keep what differs by case in a "
                     "variable or in an attribute of the dataset");
}

}  // namespace

void check_joinable(const Dataset& first, const Dataset& other) {
  for (const auto* pair : {&first, &other})
    for (const Variable& variable : pair->variables())
      if (const Dataset& opposite = pair == &first ? other : first;
          !opposite.contains(variable.name))
        throw UsageError("variable '" + variable.name +
                         "' is in one case but not in another of the same name; every case must "
                         "save the same variables");
  for (const Variable& variable : first.variables()) check_joinable(variable, other[variable.name]);
}

Dataset join_cases(const std::vector<Dataset>& parts, const std::vector<std::int64_t>& case_numbers,
                   const std::vector<std::string>& case_ids) {
  if (parts.empty() || parts.size() != case_numbers.size() || parts.size() != case_ids.size())
    throw UsageError("joining cases needs as many numbers (" + std::to_string(case_numbers.size()) +
                     ") and ids (" + std::to_string(case_ids.size()) + ") as datasets (" +
                     std::to_string(parts.size()) + "), and at least one");
  return Joiner(parts, case_numbers, case_ids).join();
}

}  // namespace lensbench
