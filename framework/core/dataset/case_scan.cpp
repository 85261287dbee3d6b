#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstring>
#include <lensbench/error.hpp>

#include "core/dataset/case_join.hpp"
#include "core/dataset/join_cases.hpp"

// First pass over the parts of a join: what is equal in all of them, and what differs.

namespace lensbench {
namespace {

bool has_dim(const Dataset& dataset, const std::string& dim) {
  return std::any_of(dataset.dims().begin(), dataset.dims().end(),
                     [&](const auto& known) { return known.first == dim; });
}

/// Whether two variables have bitwise equal values, NaN included.
// NaN must be equal to itself, so the bytes are compared.
bool same_values(const Variable& a, const Variable& b) {
  if (a.is_text()) return a.strings == b.strings;
  return a.tensor.sizes() == b.tensor.sizes() &&
         std::memcmp(a.tensor.data_ptr(), b.tensor.data_ptr(), a.tensor.nbytes()) == 0;
}

}  // namespace

// The first part is the measure: all others must have its variables, and its dimensions are looked
// at.
void CaseJoin::scan(const Dataset& part, std::int64_t number, const std::string& id) {
  if (parts_.empty()) {
    first_ = part;
    for (const char* dim : {"image_token", "token"})
      if (has_dim(first_, dim)) row_dim_ = dim;
    has_cases_ = has_dim(first_, "case");
    // A dimension and a variable of one name mean a coordinate, and `case` is the variable over
    // tokens.
    case_dim_ = !row_dim_.empty() && !has_cases_ ? "case_number" : "case";
  } else {
    check_joinable(first_, part);
    note_differences(part);
  }
  note_attributes(part);
  note_receipts(part);
  Part entry{number, id, {}, 0};
  // Lengths are all that is kept of a part.
  for (const auto& [dim, length] : first_.dims()) entry.lengths.push_back(part.dim(dim));
  parts_.push_back(std::move(entry));
}

/// Finds axes that cannot be shared, because their length or their coordinates differ from the
/// first part. Tokens and cases are concatenated and may differ.
void CaseJoin::note_differences(const Dataset& part) {
  for (const auto& [dim, length] : first_.dims()) {
    // An axis that differs once stays different, so it need not be compared again.
    if (dim == row_dim_ || dim == "case" || varying_.contains(dim)) continue;
    bool differs = part.dim(dim) != length;
    for (const Variable& variable : first_.variables())
      differs = differs || (variable.coordinate && variable.dims == std::vector<std::string>{dim} &&
                            !same_values(variable, part[variable.name]));
    if (differs) varying_.insert(dim);
  }
}

/// Values of attributes in all parts so far. As long as they agree, one value is kept; with the
/// first difference the list gets an entry for each part, of which the earlier ones are equal.
void CaseJoin::note_attributes(const Dataset& part) {
  const std::size_t seen = parts_.size();
  for (const auto& [name, value] : part.attributes) {
    auto [known, is_new] = part_attributes_.try_emplace(name);
    // An attribute that is new was missing in all parts before.
    if (is_new && seen > 0) known->second.assign(seen, std::nullopt);
  }
  for (auto& [name, values] : part_attributes_) {
    const auto found = part.attributes.find(name);
    const auto value = found == part.attributes.end() ? std::nullopt : std::optional(found->second);
    if (seen > 0 && values.size() == 1 && values.front() == value) continue;
    values.resize(std::max<std::size_t>(seen, values.size()),
                  values.empty() ? value : values.front());
    values.push_back(value);
  }
}

/// The most severe receipt of each name.
void CaseJoin::note_receipts(const Dataset& part) {
  for (const Receipt& receipt : part.receipts) {
    const auto known = std::find_if(receipts_.begin(), receipts_.end(), [&](const Receipt& other) {
      return other.name == receipt.name;
    });
    if (known == receipts_.end())
      receipts_.push_back(receipt);
    else if (is_worse(receipt, *known))
      *known = receipt;
  }
}

}  // namespace lensbench
