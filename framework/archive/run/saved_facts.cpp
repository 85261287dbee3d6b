#include "archive/run/saved_facts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>

// Facts about the datasets of a case that outlive them: which token ids the vocabulary must have,
// and of which variables the later cases must be able to join.

namespace lensbench {

void collect_token_ids(const Dataset& dataset, std::set<std::int64_t>& ids) {
  for (const Variable& variable : dataset.variables()) {
    if (variable.holds != Holds::token_ids || variable.is_text()) continue;
    const at::Tensor values = variable.tensor.to(at::kLong).contiguous();
    const auto* first = values.data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < values.numel(); ++i)
      if (first[i] >= 0) ids.insert(first[i]);  // a negative id means a missing token
  }
}

std::vector<std::string> names_of(const std::map<std::string, Dataset>& saved) {
  std::vector<std::string> names;
  names.reserve(saved.size());
  for (const auto& [name, dataset] : saved) names.push_back(name);
  return names;
}

/// An outline has names, types and axes of every variable, which is all that the check whether a
/// later case can be joined needs. Its memory does not depend on the length of the prompt.
Dataset outline_of(const Dataset& dataset) {
  Dataset result;
  for (const Variable& variable : dataset.variables()) {
    Variable empty = variable;
    empty.strings.clear();
    if (!variable.is_text())
      empty.tensor = at::empty(std::vector<std::int64_t>(variable.dims.size(), 0),
                               variable.tensor.scalar_type());
    result.add(std::move(empty));
  }
  return result;
}

/// Failed receipts are counted when a case is saved, so that the end of the run need not read it.
std::int64_t failed_receipts_of(const std::map<std::string, Dataset>& saved) {
  std::int64_t failed = 0;
  for (const auto& [name, dataset] : saved)
    failed += std::count_if(dataset.receipts.begin(), dataset.receipts.end(),
                            [](const Receipt& receipt) { return !receipt.passed; });
  return failed;
}

}  // namespace lensbench
