#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <functional>

#include "common/worst.hpp"

namespace lensbench::geometry {
namespace {

/// Sums of float64 numbers in another order.
constexpr double kSums = 1e-9;

at::Tensor values_of(const std::vector<Spread>& spreads, double Spread::*value) {
  std::vector<double> out;
  out.reserve(spreads.size());
  for (const Spread& spread : spreads) out.push_back(spread.*value);
  return at::tensor(out, at::kDouble);
}

at::Tensor stack_of(const std::vector<Spread>& spreads, at::Tensor Spread::*value) {
  std::vector<at::Tensor> out;
  out.reserve(spreads.size());
  for (const Spread& spread : spreads) out.push_back(spread.*value);
  return at::stack(out);
}

/// Several points share the axes, which exist once.
void require_axis(Dataset& dataset, const std::string& name, const at::Tensor& values,
                  const std::string& meaning) {
  if (!dataset.contains(name)) dataset.add_coordinate(name, values, meaning);
}

/// Largest error over the layers of a point, for its receipt.
double worst(const std::vector<Spread>& spreads) {
  double largest = 0;
  for (const Spread& spread : spreads) largest = worst_of(largest, spread.trace_difference);
  return largest;
}

/// Sum of the capacities relative to the rank, which bounds it.
double excess(const Capacity& capacity) {
  const auto rank = static_cast<double>(capacity.rank);
  return (capacity.capacity_sum - rank) / std::max(rank, 1.0);
}

Receipt capacity_receipt(const std::string& name, double value) {
  return make_receipt(name + "_capacities_are_at_most_the_rank", value, 1e-6,
                      "sum of the capacities over the rank of the matrix, minus 1; the small "
                      "eigenvalues are rounded");
}

/// Formulas of capacity and interference in words, for matrices of any origin.
constexpr const char* kCapacity =
    "share of a dimension that a row has to itself: its squared length over the squared length of "
    "all rows along it (NaN: a row of zeros)";
constexpr const char* kInterference =
    "squared length of all other rows along that row (NaN: a row of zeros)";
constexpr const char* kFeatures = "squared norm of the matrix over its width";

void add_rows(Dataset& dataset, const Point& point, const std::string& prefix,
              const std::vector<Spread>& spreads) {
  std::vector<std::int64_t> rows;
  rows.reserve(spreads.size());
  for (const Spread& spread : spreads) rows.push_back(spread.rows);
  dataset.add(prefix + "rows", {point.axis}, at::tensor(rows, at::kLong), "1",
              "number of tokens that the spread is measured on; it bounds every rank");
}

void add_anisotropy(Dataset& dataset, const Point& point, const std::string& prefix,
                    const std::vector<Spread>& spreads) {
  const std::string of = prefix.empty() ? "stream" : point.name;
  dataset.add(prefix + "anisotropy", {point.axis}, values_of(spreads, &Spread::anisotropy), "1",
              "mean cosine of the " + of + " at two tokens (NaN: fewer than two)");
  dataset.add(prefix + "anisotropy_centred", {point.axis},
              values_of(spreads, &Spread::anisotropy_centred), "1",
              "mean cosine of the " + of +
                  " at two tokens, each minus the mean (NaN: fewer than "
                  "two, or no variance)");
}

/// \param rank_of  numbers whose entropy gives the effective rank
void add_ranks(Dataset& dataset, const Point& point, const std::string& prefix,
               const std::vector<Spread>& spreads, const std::string& rank_of) {
  const std::vector<std::string> axis = {point.axis};
  dataset.add(
      prefix + "participation_ratio", axis, values_of(spreads, &Spread::participation_ratio), "1",
      "squared sum of the eigenvalues of the covariance over the sum of their squares (NaN: "
      "fewer than two tokens, or no variance)");
  dataset.add(prefix + "effective_rank", axis, values_of(spreads, &Spread::effective_rank), "1",
              "exponential of the entropy of the normalised " +
                  std::string(rank_of == "eigenvalues" ? "eigenvalues of the covariance"
                                                       : "singular values of the centred rows") +
                  " (NaN: fewer than two tokens, or no variance)");
  dataset.add(prefix + "total_variance", axis, values_of(spreads, &Spread::total_variance), "1",
              "trace of the covariance (NaN: fewer than two tokens)");
}

void add_principal(Dataset& dataset, const Point& point, const std::string& prefix,
                   const std::vector<Spread>& spreads, bool store_directions) {
  const std::vector<std::string> ranked = {point.axis, "principal"};
  dataset.add(
      prefix + "explained_variance", ranked, stack_of(spreads, &Spread::explained_variance), "1",
      "share of the variance along each principal direction (NaN: fewer than two tokens, or "
      "no variance)");
  // Eigenvalues depend on the order of sums, which differs between machines.
  dataset.set_attribute(prefix + "explained_variance", "tolerance", kSums);
  dataset.add(prefix + "degenerate", ranked, stack_of(spreads, &Spread::degenerate), "1",
              "1 where the direction is not determined: its variance nearly equals that of a "
              "neighbour, or is 0");
  // Directions [layer, principal, d_model] are large and stored on request only.
  if (store_directions) {
    dataset.add(prefix + "principal_direction", {point.axis, "principal", "d_model"},
                stack_of(spreads, &Spread::directions), "1",
                "direction of largest variance, of length 1; its largest entry is positive (NaN: "
                "fewer than two tokens)");
    // Other programs compute directions only up to rounding, so a comparison needs a tolerance.
    dataset.set_attribute(prefix + "principal_direction", "tolerance", kSums);
  }
}

}  // namespace

/// Spread of the tokens at one point, with an axis of its layers or blocks. Variables of the
/// residual stream have plain names, those of other points begin with the name of the point.
void add_spread(Dataset& dataset, const Point& point, const std::vector<Spread>& spreads,
                const ResidualGeometryOptions& options) {
  const std::string prefix = point.name == "resid_post" ? "" : point.name + "_";
  const Spread& first = spreads.front();
  require_axis(dataset, "principal", at::arange(1, first.explained_variance.size(0) + 1, at::kInt),
               "principal direction, 1 has the largest variance");
  require_axis(dataset, "outlier", at::arange(1, first.outlier_share.size(0) + 1, at::kInt),
               "1 has the largest share");
  add_rows(dataset, point, prefix, spreads);
  add_anisotropy(dataset, point, prefix, spreads);
  add_ranks(dataset, point, prefix, spreads, options.rank_of);
  add_principal(dataset, point, prefix, spreads, options.store_directions);
  dataset.add(prefix + "outlier_dimension", {point.axis, "outlier"},
              stack_of(spreads, &Spread::outlier_dimension), "1",
              "dimension with the largest share of the squared length");
  dataset.add(prefix + "outlier_share", {point.axis, "outlier"},
              stack_of(spreads, &Spread::outlier_share), "1",
              "share of the squared length in that dimension (NaN: no tokens, or all of length 0)");
  dataset.receipts.push_back(make_receipt(prefix + "eigenvalues_sum_to_trace", worst(spreads),
                                          kSums, "relative; float64 sums"));
}

void add_capacity(Dataset& dataset, const std::string& name, const std::string& axis,
                  const Capacity& capacity) {
  dataset.add(name + "_capacity", {axis}, capacity.capacity, "1", kCapacity);
  dataset.add(name + "_interference", {axis}, capacity.interference, "1", kInterference);
  dataset.add(name + "_features_per_dimension", {},
              at::scalar_tensor(capacity.features_per_dimension, at::kDouble), "1", kFeatures);
  dataset.receipts.push_back(capacity_receipt(name, excess(capacity)));
}

/// The worst block decides the receipt.
void add_neurons(Dataset& dataset, const std::vector<Capacity>& blocks) {
  std::vector<at::Tensor> capacity, interference;
  std::vector<double> features;
  double largest = -1;
  for (const Capacity& block : blocks) {
    capacity.push_back(block.capacity);
    interference.push_back(block.interference);
    features.push_back(block.features_per_dimension);
    largest = worst_of(largest, excess(block));
  }
  dataset.add("neurons_capacity", {"block", "neuron"}, at::stack(capacity), "1", kCapacity);
  dataset.add("neurons_interference", {"block", "neuron"}, at::stack(interference), "1",
              kInterference);
  dataset.add("neurons_features_per_dimension", {"block"}, at::tensor(features, at::kDouble), "1",
              kFeatures);
  dataset.receipts.push_back(capacity_receipt("neurons", largest));
}

}  // namespace lensbench::geometry
