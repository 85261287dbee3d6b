#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "report/page/case_rows.hpp"
#include "report/page/run_source.hpp"

namespace lensbench::page {

/// Where the values of a variable for one case are.
struct PagePart {
  std::int64_t number = -1;  ///< the case; -1: of no single case
  const StoredVariable* stored = nullptr;
  std::optional<std::size_t> axis;  ///< axis that is cut; empty: all values
  Rows rows;

  std::vector<std::int64_t> shape() const;
};

/// One variable of a result on the page; `pattern_case0`, `pattern_case1` … are one.
struct PageVariable {
  std::string name;
  std::vector<std::string> dims;
  const StoredVariable* stored = nullptr;  ///< facts of the variable (of its first part)
  std::vector<PagePart> parts;             ///< parts of the chosen cases, in their order

  const Variable& facts() const { return stored->facts; }
  bool has_dim(std::string_view dim) const;
};

/// A dimension with the labels of its indices; no labels: 0, 1, ….
struct PageDim {
  std::string name;
  std::int64_t size = 0;
  std::vector<std::string> labels;
};

/// Axis `token` of one case.
struct PageTokens {
  std::int64_t number = 0, start = 0, count = 0;
  at::Tensor position, input_id;
  std::vector<std::string> input_token;
};

struct PageResult {
  std::string name;
  StoredDataset data;
  std::vector<PageDim> dims;
  std::vector<PageTokens> tokens;
  std::vector<PageVariable> variables;
};

/// Results of a run, which are not cut yet. Their texts are read, and no values of variables.
/// \param cases  as of `RunSource::stored` \throws InputError for damaged content
std::vector<std::unique_ptr<PageResult>> open_results(const RunSource& source,
                                                      const std::vector<std::int64_t>& cases);

/// Cuts results into the parts of the chosen cases, once. \throws InputError for damaged content
void cut_results(const std::vector<std::unique_ptr<PageResult>>& results,
                 const std::vector<std::int64_t>& chosen);

/// View of a variable: its attribute `view`, else (or where that is `general`) what its dimensions
/// suggest.
std::string view_of(const PageVariable& variable, const PageResult& result);

/// Variable or variables with the interval of another one: `entropy_interval`, or `entropy_low` and
/// `entropy_high`; empty if the result does not have them.
std::vector<std::string> interval_of(const PageVariable& variable, const PageResult& result);

}  // namespace lensbench::page
