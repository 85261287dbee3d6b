// The gradient of a training against differences of the loss.
#include "interchange/training.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>

#include <lensbench/random.hpp>

#include "interchange/bases.hpp"
#include "interchange_fixture.hpp"

namespace lensbench::interchange {
namespace {

/// Pairs of a small model, with their rows.
class Trainings : public ::testing::Test {
 protected:
  Trainings() {
    for (std::int64_t i = 0; i < 4; ++i) {
      pairs_.bases.push_back(tokens_from_ids(*model_, {3, 7 + i, 5}));
      base_.push_back(row_of(pairs_.bases.back()));
      source_.push_back(row_of(tokens_from_ids(*model_, {9 - i, 4, 11})));
      pairs_.expected.push_back(5 + i);
    }
    pairs_.base_rows = at::cat(base_);
    pairs_.source_rows = at::cat(source_);
  }
  at::Tensor row_of(const Tokens& tokens) const {
    at::Tensor row;
    Hooks hooks;
    hooks.read(pairs_.point,
               [&](const at::Tensor& x, const HookPoint&) { row = x.select(1, -1).clone(); });
    model_->forward(make_batch(tokens), {}, hooks);
    return row.to(at::kDouble);
  }
  double loss(const at::Tensor& basis) const {
    return basis_gradient(*model_, pairs_, {0, 1, 2, 3}, basis, 0.7).loss;
  }

  std::shared_ptr<const Model> model_ = Model::open(testing::data_folder() + "/models/gpt2");
  TrainingPairs pairs_{.point = "blocks.0.hook_resid_post", .position = -1};
  std::vector<at::Tensor> base_, source_;
};

TEST_F(Trainings, FollowTheGradientOfTheLoss) {
  Philox random(2, 0);
  const std::int64_t width = pairs_.base_rows.size(1);
  const at::Tensor basis = random_basis(width, 2, random), way = random_basis(width, 2, random);
  const at::Tensor gradient = basis_gradient(*model_, pairs_, {0, 1, 2, 3}, basis, 0.7).gradient;
  // Central differences: the error is of second order in the step, and the loss of a forward in
  // float32 is exact to about 1e-6, of which the quotient makes 1e-4.
  constexpr double kStep = 1e-2;
  const double slope = (loss(basis + kStep * way) - loss(basis - kStep * way)) / (2 * kStep);
  EXPECT_GT(std::abs(slope), 0.05);
  EXPECT_NEAR((gradient * way).sum().item<double>(), slope, 1e-4);
}

TEST_F(Trainings, LowerTheLossAndKeepTheBasisOrthonormal) {
  InterchangeOptions options;
  options.rank = 2;
  options.steps = 30;
  options.learning_rate = 0.02;
  const Trained found = train_basis(*model_, pairs_, options, 1, 2, [] {});
  EXPECT_LE(orthonormality_error(found.basis), 1e-12);
  EXPECT_LT(found.loss[29].item<double>(), found.loss[0].item<double>());
  EXPECT_TRUE(at::equal(found.basis, train_basis(*model_, pairs_, options, 1, 2, [] {}).basis));
}

}  // namespace
}  // namespace lensbench::interchange
