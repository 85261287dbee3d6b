#pragma once

#include <vector>

/// Scores of a ranking. NaN is an item that was not answered: it ties with all others of its kind
/// below every number.
namespace lensbench::grading {

/// Area under the ROC curve: share of pairs of a member and another item in which the member has
/// the larger score, ties counted half (Mann-Whitney). NaN without a member or without another.
double auroc(const std::vector<double>& scores, const std::vector<bool>& member);

/// Average precision, sum over members of the precision at their rank over their number; its
/// expectation over the orders of tied items (McSherry and Najork 2008). NaN without a member.
double average_precision(const std::vector<double>& scores, const std::vector<bool>& member);

/// Rank of each score from the largest, 1 for the first; tied scores have their mean rank.
std::vector<double> ranks_from_largest(const std::vector<double>& scores);

}  // namespace lensbench::grading
