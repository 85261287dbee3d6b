#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include "core/dataset/case_join.hpp"

// Second pass over the parts of a join: the values of each.

namespace lensbench {
namespace {

using Source = JoinedVariable::Source;

Variable numbered(Variable variable, std::int64_t count, std::int64_t number) {
  variable.tensor = at::full({count}, number, at::kInt);
  return variable;
}

}  // namespace

/// Name and dimensions of a variable that a part keeps for itself.
Variable CaseJoin::apart(const Variable& own, std::int64_t number) const {
  const std::string suffix = "_case" + std::to_string(number);
  Variable variable = own;
  variable.name += suffix;
  for (std::string& dim : variable.dims)
    if (varying_.contains(dim) || dim == row_dim_ || dim == "case") dim += suffix;
  return variable;
}

/// A part's contribution to a joined variable; empty for values that are known already.
std::optional<Variable> CaseJoin::piece_of(const JoinedVariable& joined, std::size_t index,
                                           const Dataset& part) const {
  const std::string& name = joined.variable.name;
  const Part& facts = parts_[index];
  if (joined.source == Source::known) return std::nullopt;
  if (joined.source == Source::apart) return apart(part[name], facts.number);
  if (!row_dim_.empty() && name == row_dim_) {
    Variable rows = joined.variable;
    rows.tensor =
        at::arange(facts.first_token, facts.first_token + length(facts, row_dim_), at::kInt);
    return rows;
  }
  if (!row_dim_.empty() && !has_cases_ && name == "case")
    return numbered(joined.variable, length(facts, row_dim_), facts.number);
  Variable piece = part[name];
  // The leading case axis of a stacked variable, of length 1 in a part.
  if (piece.dims.size() < joined.variable.dims.size()) {
    piece.dims = joined.variable.dims;
    piece.tensor = piece.tensor.unsqueeze(0);
  }
  return piece;
}

void CaseJoin::pieces(std::size_t index, const Dataset& part, const Take& take) const {
  for (std::size_t i = 0; i < variables_.size(); ++i)
    if (auto piece = piece_of(variables_[i], index, part)) take(i, std::move(*piece));
}

}  // namespace lensbench
