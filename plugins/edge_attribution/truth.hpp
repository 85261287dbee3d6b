#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "graph.hpp"

namespace lensbench::edges {

/// Reads which edges carry the answer from JSONL, one edge in each line: `source`, `target`, `slot`
/// as in the results.
/// \return [edge], true for the edges of the file
/// \throws InputError with file and line for a line that does not name an edge of the graph, an
///   edge that is there twice, and a file that names all edges
std::vector<bool> read_truth(const Graph& graph, const std::string& file);

/// Area under the ROC curve: the share of pairs of a true edge and another one in which the true
/// one has the larger value; equal values count half (mean ranks).
/// \param values  one for each edge
double auroc(const std::vector<double>& values, const std::vector<bool>& truth);

/// Adds `in_truth` and `auroc`, of the edges by the size of their importance.
/// \param importance  [edge] float64
void add_truth(Dataset& dataset, const at::Tensor& importance, const std::vector<bool>& truth);

}  // namespace lensbench::edges
