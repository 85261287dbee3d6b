#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Joins the datasets that one experiment saved under one name, in case order (CF contiguous ragged
/// array representation), without loss:
/// - A variable with dimension `token` (or `image_token`, in a dataset without `token`) is
///   concatenated along it; `token` is renumbered, and `case(token)` gives the case number. A
///   variable with dimension `case` is concatenated along it.
/// - A coordinate of another axis that is equal in all cases is kept unchanged.
/// - Any other variable gets a leading `case` dimension, with coordinates `case` and `case_id`; if
///   the dataset has `case(token)`, the dimension is called `case_number`.
/// - A variable on an axis whose length or coordinates differ between cases (attention patterns)
///   remains one variable per case: `<name>_case<i>` on dimensions `<dim>_case<i>`.
/// - A dataset attribute that differs between cases becomes a variable of that name over cases.
///
/// The most severe receipt of each name is kept.
/// \param parts         datasets of the cases, in order
/// \param case_numbers  case number of each part
/// \param case_ids      case id of each part
/// \throws UsageError if parts disagree in variables, their element types, dimensions, units or
///   attributes (see `check_joinable`)
Dataset join_cases(const std::vector<Dataset>& parts, const std::vector<std::int64_t>& case_numbers,
                   const std::vector<std::string>& case_ids);

/// Checks that two datasets can be joined: they have equal variables in kind, element type,
/// dimension names, units, description and attributes.
/// \throws UsageError with the variable and the difference
void check_joinable(const Dataset& first, const Dataset& other);

}  // namespace lensbench
