#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace agreement {

/// Components of largest size that `top_overlap` compares.
inline constexpr std::int64_t kTop = 5;
/// Share of the gap above which a component counts for `sign_agreement`.
inline constexpr double kSignificantShare = 0.02;

/// Rank of each component by the size of its value: 1 + number of components with a larger one. NaN
/// for components without a value.
/// \param values  [component]
std::vector<double> ranks_by_size(const std::vector<double>& values);

/// Share of the components whose values have the same sign, among those where both are larger in
/// size than `threshold`; NaN if there are none.
double sign_agreement(const std::vector<double>& a, const std::vector<double>& b, double threshold);

/// Jaccard index of the `kTop` components of largest size, equal sizes in the order of components.
/// NaN where all components are among them, or a value is NaN.
double top_overlap(const std::vector<double>& a, const std::vector<double>& b);

/// Agreements of each method with each other one, [method, method] float64.
struct Comparison {
  at::Tensor spearman;           ///< rank correlation over components
  at::Tensor sign_agreement;     ///< see above
  at::Tensor top_overlap;        ///< see above
  at::Tensor permuted_spearman;  ///< rank correlation with the other's components in random order
};

/// Compares the methods of one case.
/// \param values  [method, component] float64
/// \param gap     metric of the clean run minus that of the corrupted one; NaN: signs are not
///   compared
/// \param seed    of the random order
/// \param number  number of the case, whose random order is its own
Comparison compare(const at::Tensor& values, double gap, std::uint64_t seed, std::int64_t number);

}  // namespace agreement
