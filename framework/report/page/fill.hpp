#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "report/page/block.hpp"
#include "report/page/page_result.hpp"

namespace lensbench::page {

/// One archive of a page with the cases whose data the page has.
struct PageRun {
  const RunSource* source = nullptr;
  std::vector<std::int64_t> chosen;  ///< ascending
  std::vector<std::unique_ptr<PageResult>> results;
};

/// Values of one part in the form that the page has.
struct FilledPart {
  std::vector<std::int64_t> shape;
  Block block;
  std::set<std::int64_t> ids;  ///< token ids that occur
  bool negative = false, positive = false;
};

/// Place of a part: run, result, variable, part.
struct PartPlace {
  std::size_t run = 0, result = 0, variable = 0, part = 0;
  auto operator<=>(const PartPlace&) const = default;
};

/// The parts that a budget has room for.
struct Filled {
  std::map<PartPlace, FilledPart> parts;
  /// Parts that had to be left out, and those of which only the first rank is there.
  std::set<PartPlace> left_out, first_rank_only;
  std::vector<std::set<std::int64_t>> ids;  ///< of each run: token ids that occur in its parts
};

/// Chooses and encodes what fits into a number of bytes. The order in which variables are left out,
/// first to last: attention and activations; ranks beyond the first; metrics of lenses other than
/// probability, entropy and rank, and variables without a view; cases, the last one first. Before
/// metrics and cases are left out, variables of more than 100,000 cells get 8 bits.
/// \param top_k  most ranks that are embedded \throws InputError for damaged content
Filled fill(const std::vector<PageRun>& runs, std::int64_t top_k, std::size_t bytes);

/// Index of a dimension of ranks; empty if the variable does not have one.
std::optional<std::size_t> rank_axis(const PageVariable& variable);

}  // namespace lensbench::page
