#include "training.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <lensbench/random.hpp>

#include "bases.hpp"
#include "common/adam.hpp"
#include "common/folds.hpp"
#include "runs.hpp"
#include "swap.hpp"

namespace lensbench::interchange {
namespace {

constexpr std::int64_t kPairsPerStep = 16;

/// Numbers of pairs in random orders without end, some at a time.
class PairOrder {
 public:
  PairOrder(std::int64_t count, Philox& random) : count_(count), random_(random) {}

  std::vector<std::int64_t> next() {
    std::vector<std::int64_t> chosen;
    while (std::ssize(chosen) < std::min(kPairsPerStep, count_)) {
      if (order_.empty()) order_ = shuffled(count_, random_);
      chosen.push_back(order_.back());
      order_.pop_back();
    }
    return chosen;
  }

 private:
  std::int64_t count_;
  Philox& random_;
  std::vector<std::int64_t> order_;
};

}  // namespace

BasisGradient basis_gradient(const Model& model, const TrainingPairs& pairs,
                             const std::vector<std::int64_t>& chosen, const at::Tensor& basis,
                             double strength) {
  std::vector<Tokens> bases;
  bases.reserve(chosen.size());
  for (const std::int64_t pair : chosen)
    bases.push_back(pairs.bases[static_cast<std::size_t>(pair)]);
  const PlacedBatch batch(bases, pairs.position);
  const at::Tensor source = some_rows(pairs.source_rows, chosen);
  GradientOptions options;
  options.hooks.replace(pairs.point, batch.changing([&](const at::Tensor& rows) {
    return exchanged(rows, source, basis, strength);
  }));
  const at::Tensor expected = at::tensor(at_rows(pairs.expected, chosen), at::kLong);
  const RunGradients found = run_gradients(
      model, batch.tokens, {pairs.point},
      [&](const at::Tensor& residual, const RecordedActivations&) {
        const at::Tensor logits = model.unembed(model.final_norm(residual.select(1, -1)));
        const at::Tensor own = logits.gather(1, expected.to(logits.device()).unsqueeze(1));
        return logits.logsumexp(1) - own.squeeze(1);
      },
      options);
  const auto count = static_cast<double>(chosen.size());
  const at::Tensor g = batch.rows(found.gradients.at(pairs.point)) * (strength / count);
  const at::Tensor d = source - some_rows(pairs.base_rows, chosen);
  return {found.values.to(at::kDouble).mean().item<double>(),
          at::matmul(d.t(), at::matmul(g, basis)) + at::matmul(g.t(), at::matmul(d, basis))};
}

Trained train_basis(const Model& model, const TrainingPairs& pairs,
                    const InterchangeOptions& options, std::uint64_t seed, std::uint64_t stream,
                    const std::function<void()>& stop) {
  Philox random(seed, stream);
  at::Tensor basis = random_basis(pairs.base_rows.size(1), options.rank, random);
  at::Tensor mean = at::zeros_like(basis), square = at::zeros_like(basis);
  PairOrder order(std::ssize(pairs.bases), random);
  std::vector<double> losses;
  for (std::int64_t step = 0; step < options.steps; ++step) {
    stop();
    const auto [loss, gradient] =
        basis_gradient(model, pairs, order.next(), basis, options.strength);
    if (!std::isfinite(loss))
      throw RunError("interchange: the loss of step " + std::to_string(step) + " at '" +
                     pairs.point + "' is not finite; give a smaller strength");
    losses.push_back(loss);
    const at::Tensor across = gradient - at::matmul(basis, at::matmul(basis.t(), gradient));
    const double left = 1 - static_cast<double>(step) / static_cast<double>(options.steps);
    adam_step(basis, across, mean, square, options.learning_rate * left, step);
    basis = orthonormal(basis);
  }
  return {basis, at::tensor(losses, at::kDouble)};
}

}  // namespace lensbench::interchange
