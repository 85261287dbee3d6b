#include "archive/hdf5/case_selection.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

// Rows of single cases out of joined results, so that `show --case` reads the part that it draws
// and not the whole variable. The variable `case` gives the case of each row along the token axis;
// a dimension `<name>_case<i>` belongs to case i alone, and so does a variable of texts of this
// name
// (`CaseJoin`).

namespace lensbench {
namespace {

/// Consecutive rows: first and count.
using Runs = std::vector<std::pair<std::int64_t, std::int64_t>>;

bool is_token_axis(const std::string& dim) {
  return dim == "token" || dim == "image_token";
}

bool is_case_axis(const std::string& dim) {
  return dim == "case" || dim == "case_number";
}

/// Number i of a name that ends in `_case<i>`: a variable or dimension of one case.
std::optional<std::int64_t> own_case(const std::string& name) {
  const auto at = name.rfind("_case");
  // At most 10 digits are accepted, which fit into an int64.
  if (at == std::string::npos || at + 5 >= name.size() || name.size() - at > 15)
    return std::nullopt;
  const std::string digits = name.substr(at + 5);
  if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  return std::stoll(digits);
}

/// Texts of one case have its number in their name alone: they do not get an axis of cases.
bool is_text_of_a_case(const StoredVariable& variable) {
  const auto& dims = variable.facts.dims;
  return !variable.rows && !variable.facts.coordinate &&
         std::none_of(dims.begin(), dims.end(),
                      [](const auto& dim) { return is_token_axis(dim) || is_case_axis(dim); });
}

std::optional<std::int64_t> own_case(const StoredVariable& variable) {
  for (const auto& dim : variable.facts.dims)
    if (const auto number = own_case(dim)) return number;
  return is_text_of_a_case(variable) ? own_case(variable.facts.name) : std::nullopt;
}

/// Runs of consecutive rows whose number is wanted. Each of them is read in one piece, and the rows
/// of a case are consecutive in every archive.
Runs runs_of(const std::vector<std::int64_t>& numbers, const std::vector<std::int64_t>& wanted) {
  Runs runs;
  for (std::size_t row = 0; row < numbers.size(); ++row) {
    if (std::find(wanted.begin(), wanted.end(), numbers[row]) == wanted.end()) continue;
    const auto at = static_cast<std::int64_t>(row);
    if (!runs.empty() && runs.back().first + runs.back().second == at)
      ++runs.back().second;
    else
      runs.emplace_back(at, 1);
  }
  return runs;
}

std::vector<std::int64_t> integers_of(const StoredVariable& variable) {
  const at::Tensor values = variable.rows({}, 0, variable.shape[0]).to(at::kLong).contiguous();
  const auto* data = values.data_ptr<std::int64_t>();
  return {data, data + values.numel()};
}

/// One read of a selection. Runs are found once for each dimension, before any variable is read.
class Selector {
 public:
  Selector(const StoredDataset& stored, const CaseSelection& selection)
      : stored_(stored), selection_(selection) {
    for (const auto& variable : stored.variables)
      for (const auto& dim : variable.facts.dims) find_runs(dim);
  }

  Dataset read() const {
    Dataset dataset;
    for (const auto& variable : stored_.variables)
      if (is_wanted(variable)) dataset.add(values_of(variable));
    dataset.attributes = stored_.attributes;
    dataset.receipts = stored_.receipts;
    return dataset;
  }

 private:
  /// Whether a variable belongs to one of the cases or to none in particular.
  bool is_wanted(const StoredVariable& variable) const {
    const auto number = own_case(variable);
    const auto& cases = selection_.cases;
    return !number || std::find(cases.begin(), cases.end(), *number) != cases.end();
  }

  /// Finds the rows of an axis by its variable of case numbers. An axis without such a variable is
  /// read as a whole.
  void find_runs(const std::string& dim) {
    if (runs_.contains(dim)) return;
    const bool selected = is_token_axis(dim) || (is_case_axis(dim) && selection_.also_tables);
    if (!selected) return;
    const std::string coordinate = is_token_axis(dim) ? "case" : dim;
    for (const auto& variable : stored_.variables)
      if (variable.facts.name == coordinate && variable.rows &&
          variable.facts.dims == std::vector<std::string>{dim})
        runs_[dim] = runs_of(integers_of(variable), selection_.cases);
  }

  /// Values of a variable, reduced along its selected axis. Texts are in memory already, as part of
  /// the facts.
  Variable values_of(const StoredVariable& variable) const {
    Variable values = variable.facts;
    const auto axis = std::find_if(values.dims.begin(), values.dims.end(),
                                   [&](const auto& dim) { return runs_.contains(dim); });
    if (variable.facts.is_text() && !variable.rows) {
      if (axis != values.dims.end()) values.strings = texts_of(values, runs_.at(*axis));
      return values;
    }
    if (axis == values.dims.end()) {
      values.tensor = variable.rows({}, 0, variable.shape.empty() ? 1 : variable.shape[0]);
      return values;
    }
    values.tensor = rows_of(variable, axis - values.dims.begin(), runs_.at(*axis));
    return values;
  }

  static std::vector<std::string> texts_of(const Variable& variable, const Runs& runs) {
    std::vector<std::string> texts;
    for (const auto& [first, count] : runs)
      texts.insert(texts.end(), variable.strings.begin() + first,
                   variable.strings.begin() + first + count);
    return texts;
  }

  /// Rows of an axis, for every index of the axes before it.
  static at::Tensor rows_of(const StoredVariable& variable, std::int64_t axis, const Runs& runs) {
    std::vector<std::int64_t> shape = variable.shape, index(static_cast<std::size_t>(axis), 0);
    shape[static_cast<std::size_t>(axis)] = 0;
    for (const auto& run : runs) shape[static_cast<std::size_t>(axis)] += run.second;
    std::vector<at::Tensor> parts;
    do {
      // The runs of one index follow each other in C order, which the reshape below restores.
      for (const auto& [first, count] : runs)
        parts.push_back(variable.rows(index, first, count).flatten());
    } while (next(index, variable.shape));
    // `cat` refuses an empty list; a case without rows gives an axis of length 0.
    if (parts.empty()) return at::empty(shape, variable.type);
    return at::cat(parts).reshape(shape);
  }

  /// Advances an index. \return false after the last one
  static bool next(std::vector<std::int64_t>& index, const std::vector<std::int64_t>& shape) {
    for (std::size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) return true;
      index[axis] = 0;
    }
    return false;
  }

  const StoredDataset& stored_;
  const CaseSelection& selection_;
  std::map<std::string, Runs> runs_;
};

}  // namespace

Dataset read_selection(const StoredDataset& stored, const CaseSelection& selection) {
  return Selector(stored, selection).read();
}

}  // namespace lensbench
