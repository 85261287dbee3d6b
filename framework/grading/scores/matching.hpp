#pragma once

#include <cstddef>
#include <vector>

#include "grading/truth/truth.hpp"

/// One-to-one matches of what was planted with what was found.
namespace lensbench::grading {

/// Value of each row in the match of rows with columns whose sum is largest (Kuhn, "The Hungarian
/// method for the assignment problem", 1955). A row without a column, where there are fewer
/// columns, has 0; so has NaN.
/// \param values  [row][column], rows of one length
std::vector<double> matched_values(const Table& values);

/// |cosine| of each direction with the one that it is matched with. A direction of length 0 has the
/// cosine 0 with all others.
/// \param wanted, found  [direction][number], of one length
std::vector<double> matched_cosines(const Table& wanted, const Table& found);

/// The same vectors in an orthonormal basis of their span.
Table in_their_span(const Table& vectors);

}  // namespace lensbench::grading
