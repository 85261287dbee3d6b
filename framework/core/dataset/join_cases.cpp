#include "core/dataset/join_cases.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <lensbench/error.hpp>
#include <utility>

#include "core/dataset/case_join.hpp"

// Join of datasets in memory, with the same rules as the join of a run (`CaseJoin`).

namespace lensbench {
namespace {

std::string dims_text(const Variable& variable) {
  std::string text;
  for (const std::string& dim : variable.dims) text += (text.empty() ? "" : ", ") + dim;
  return "(" + text + ")";
}

std::string type_text(const Variable& variable) {
  return variable.is_text() ? "strings" : at::toString(variable.tensor.scalar_type());
}

/// Compares everything that a joined variable has only once. A difference would be lost silently.
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

void add_joined(Dataset& dataset, const JoinedVariable& joined, std::vector<Variable>& pieces) {
  if (joined.source == JoinedVariable::Source::apart) {
    for (Variable& piece : pieces) dataset.add(std::move(piece));
    return;
  }
  Variable whole = joined.variable;
  std::vector<at::Tensor> tensors;
  for (const Variable& piece : pieces) {
    if (piece.tensor.defined()) tensors.push_back(piece.tensor);
    whole.strings.insert(whole.strings.end(), piece.strings.begin(), piece.strings.end());
  }
  if (!tensors.empty()) whole.tensor = at::cat(tensors, joined.axis);
  dataset.add(std::move(whole));
}

}  // namespace

/// Both directions, since either dataset may lack a variable.
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

/// Two passes, as in a run, over parts that are in memory.
Dataset join_cases(const std::vector<Dataset>& parts, const std::vector<std::int64_t>& case_numbers,
                   const std::vector<std::string>& case_ids) {
  if (parts.empty() || parts.size() != case_numbers.size() || parts.size() != case_ids.size())
    throw UsageError(
        "join_cases: expected one case number and one id per dataset, and at least "
        "one dataset (found " +
        std::to_string(case_numbers.size()) + " numbers, " + std::to_string(case_ids.size()) +
        " ids, " + std::to_string(parts.size()) + " datasets)");
  CaseJoin join;
  for (std::size_t p = 0; p < parts.size(); ++p) join.scan(parts[p], case_numbers[p], case_ids[p]);
  join.finish();
  std::vector<std::vector<Variable>> pieces(join.variables().size());
  for (std::size_t p = 0; p < parts.size(); ++p)
    join.pieces(p, parts[p],
                [&](std::size_t i, Variable piece) { pieces[i].push_back(std::move(piece)); });
  Dataset joined;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    add_joined(joined, join.variables()[i], pieces[i]);
  joined.attributes = join.attributes();
  joined.receipts = join.receipts();
  return joined;
}

}  // namespace lensbench
