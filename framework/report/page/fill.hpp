#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "report/page/encoded_parts.hpp"

namespace lensbench::page {

/// The parts that a budget has room for.
struct Filled {
  std::map<PartPlace, FilledPart> parts;
  /// Parts that had to be left out, and those of which only the first rank is there.
  std::set<PartPlace> left_out, first_rank_only;
  std::vector<std::set<std::int64_t>> ids;  ///< by run: token ids that occur in its parts
};

/// Chooses and encodes what fits into a number of bytes. The order in which variables are left out,
/// first to last: attention and activations; ranks beyond the first; metrics of lenses other than
/// probability, entropy and rank, and variables without a view; cases, the last one first. Before
/// metrics and cases are left out, variables of more than 100,000 cells get 8 bits. Where something
/// is left out, ids of ranks are there for the first case, and for others with values alone.
/// \param top_k    most ranks that are embedded
/// \param encoded  of the same runs; later calls find there what earlier ones encoded
/// \throws InputError for damaged content
Filled fill(const std::vector<PageRun>& runs, std::int64_t top_k, std::size_t bytes,
            EncodedParts& encoded);

/// Chooses what fits with the exact values of every part, whatever is left out for them.
Filled fill_exact(const std::vector<PageRun>& runs, std::int64_t top_k, std::size_t bytes,
                  EncodedParts& encoded);

}  // namespace lensbench::page
