#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "report/page/page_result.hpp"

namespace lensbench::page {

/// A number of each case, for the table of all cases.
struct CaseColumn {
  std::string name, unit;
  std::string what;            ///< what the number is, in one line
  std::vector<double> values;  ///< one a case; NaN where the case does not have it
};

/// Mean surprisal, final entropy, settled layer and other single numbers of the cases, as far as
/// the results have them.
/// \param results  all results of an archive, which are opened once for columns and data; those of
///   the folder of a run are opened here case by case
/// \throws InputError for damaged content
std::vector<CaseColumn> case_columns(const RunSource& source,
                                     const std::vector<std::unique_ptr<PageResult>>& results);

/// Cases whose data a page has where none are named: some failed ones, those with the highest and
/// the lowest mean surprisal, then the first; at most 12, ascending.
std::vector<std::int64_t> default_cases(const RunSource& source,
                                        const std::vector<CaseColumn>& columns);

/// Numbers of named cases, ascending: an id, a number N from 0, or A:B for the cases from number A
/// to before number B.
/// \throws UsageError for a case that the run does not have, with the nearest ids
std::vector<std::int64_t> named_cases(const RunSource& source,
                                      const std::vector<std::string>& words);

}  // namespace lensbench::page
