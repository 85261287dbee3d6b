#include "subspaces.hpp"

#include <lensbench/random.hpp>

#include "bases.hpp"
#include "common/folds.hpp"

namespace lensbench::interchange {
namespace {

Trained trained(const FitInputs& inputs) {
  const InterchangePlan& plan = inputs.plan;
  const TrainingPairs pairs{.point = inputs.place.hook.name,
                            .position = inputs.place.position,
                            .bases = bases_of(plan, plan.train),
                            .base_rows = some_rows(inputs.rows.base, plan.train),
                            .source_rows = some_rows(inputs.rows.source, plan.train),
                            .expected = at_rows(inputs.expected, plan.train)};
  return train_basis(inputs.model, pairs, plan.options, plan.seed,
                     inputs.place.stream(kTrainingKind), inputs.stop);
}

at::Tensor of_rows(const std::string& basis, const FitInputs& inputs) {
  const InterchangePlan& plan = inputs.plan;
  const std::int64_t rank = plan.options.rank;
  const std::string where =
      inputs.place.hook.name + ", position " + std::to_string(inputs.place.position);
  const at::Tensor sources = some_rows(inputs.rows.source, plan.train);
  if (basis == "mean_difference")
    return mean_difference(sources, at_rows(plan.values, plan.train), rank, where);
  return principal(sources, rank, where);
}

}  // namespace

Trained fit_subspace(const std::string& basis, const FitInputs& inputs) {
  const InterchangePlan& plan = inputs.plan;
  if (basis == "das") return trained(inputs);
  if (basis == "neurons") return {of_neurons(plan.options.neurons, plan.width), {}};
  if (basis == "probe") {
    const at::Tensor rows = plan.directions[inputs.place.point];
    return {orthonormal(rows.narrow(0, 0, plan.options.rank).t()), {}};
  }
  if (basis == "random") {
    Philox random(plan.seed, inputs.place.stream(kBasisKind));
    return {random_basis(plan.width, plan.options.rank, random), {}};
  }
  return {of_rows(basis, inputs), {}};
}

}  // namespace lensbench::interchange
