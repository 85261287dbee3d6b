#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>

#include "checkpoint/weights/safetensors.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/tensors.hpp"

// Activations inside the experts of a mixture, compared with those of transformers for the same
// checkpoint in float64 (tests/parity/mixture_reference.py).

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::message_of;
using ::testing::HasSubstr;

const std::string kData = testing::data_folder();

// The parity contract, for values of size 1 to 10.
constexpr double kParity = 5e-5;

class ExpertPoints : public ::testing::Test {
 protected:
  at::Tensor logits(const Hooks& hooks = {}) const {
    return model_->forward(tokens_, {}, hooks).logits;
  }
  std::map<std::string, at::Tensor> seen(const std::string& glob) const {
    const auto items = run_with_cache(*model_, tokens_, {glob}).cache.items();
    return {items.begin(), items.end()};
  }
  /// Hooks that change one point.
  static Hooks changing(const std::string& name,
                        const std::function<at::Tensor(const at::Tensor&)>& change) {
    Hooks hooks;
    hooks.replace(name, [change](const at::Tensor& x, const HookPoint&) { return change(x); });
    return hooks;
  }

  std::shared_ptr<const Model> model_ = Model::open(kData + "/models/mixtral");
  SafetensorsFile expected_{kData + "/mixture/mixtral.safetensors"};
  TokenBatch tokens_{
      SafetensorsFile(kData + "/models/mixtral/expected.safetensors").tensor("ids").clone(), {}};
};

TEST_F(ExpertPoints, EqualThoseOfTransformers) {
  const auto all = seen("blocks.*.mlp.*");
  std::size_t compared = 0;
  for (const auto& [name, entry] : expected_.entries()) {
    if (name.starts_with("logits.")) continue;
    ASSERT_TRUE(all.contains(name)) << name;
    const at::Tensor &ours = all.at(name), theirs = expected_.tensor(name);
    ASSERT_EQ(ours.sizes(), theirs.sizes()) << name;
    EXPECT_LT(largest(ours.to(at::kDouble) - theirs.to(at::kDouble)),
              kParity * std::max(1.0, largest(theirs)))
        << name;
    ++compared;
  }
  EXPECT_EQ(compared, all.size());
}

TEST_F(ExpertPoints, WhenReplacedChangeTheLogitsAsInTransformers) {
  const std::map<std::string, std::function<at::Tensor(const at::Tensor&)>> changes = {
      {"blocks.0.mlp.experts.1.hook_gate", [](const at::Tensor& x) { return x + 0.5; }},
      {"blocks.0.mlp.experts.2.hook_pre", [](const at::Tensor& x) { return -2 * x; }},
      {"blocks.1.mlp.experts.0.hook_post", [](const at::Tensor& x) { return at::zeros_like(x); }},
  };
  for (const auto& [name, change] : changes) {
    const at::Tensor theirs = expected_.tensor("logits." + name);
    EXPECT_LT(largest(logits(changing(name, change)) - theirs),
              kParity * std::max(1.0, largest(theirs)))
        << name;
  }
}

TEST_F(ExpertPoints, MakeTheOutputAsAWeightedSum) {
  for (std::int64_t layer = 0; layer < model_->spec().n_layers; ++layer) {
    const std::string mlp = "blocks." + std::to_string(layer) + ".mlp.";
    const auto points = seen("blocks." + std::to_string(layer) + ".*");
    const at::Tensor& indices = points.at(mlp + "hook_expert_indices");
    const at::Tensor chosen = points.at(mlp + "hook_expert_weights").gather(1, indices);
    const at::Tensor weights = chosen / chosen.sum(1, true);
    const at::Tensor& expected = points.at("blocks." + std::to_string(layer) + ".hook_mlp_out")[0];
    at::Tensor sum = at::zeros_like(expected);
    for (std::int64_t e = 0; e < model_->spec().mlp.n_experts; ++e) {
      const std::string expert = mlp + "experts." + std::to_string(e) + ".";
      const at::Tensor post = points.at(expert + "hook_post");
      EXPECT_LT(largest(at::silu(points.at(expert + "hook_gate")) * points.at(expert + "hook_pre") -
                        post),
                1e-5);
      const auto places = at::where(indices.eq(e));
      const at::Tensor made = post.matmul(model_->weight(expert + "W_out"));
      sum = sum.index_add(0, places[0], made * weights.index({places[0], places[1]}).unsqueeze(1));
    }
    EXPECT_LT(largest(sum - expected), 2e-5 * std::max(1.0, largest(expected)));
  }
}

TEST_F(ExpertPoints, HaveNoRowWhereNoTokenWentToTheExpert) {
  // Every token to experts 1 and 2 of block 0.
  Hooks hooks = changing("blocks.0.mlp.hook_expert_indices", [](const at::Tensor& x) {
    return at::tensor({1, 2}, at::kLong).expand_as(x).contiguous();
  });
  std::map<std::string, at::Tensor> rows;
  hooks.read("blocks.0.mlp.experts.*.hook_post",
             [&](const at::Tensor& x, const HookPoint& point) { rows[point.name] = x; });
  const at::Tensor with_reader = logits(hooks);
  const std::int64_t all = tokens_.length(), d_mlp = model_->spec().mlp.d_mlp;
  EXPECT_EQ(rows.at("blocks.0.mlp.experts.0.hook_post").sizes(), at::IntArrayRef({0, d_mlp}));
  EXPECT_EQ(rows.at("blocks.0.mlp.experts.1.hook_post").sizes(), at::IntArrayRef({all, d_mlp}));
  hooks = changing("blocks.0.mlp.hook_expert_indices", [](const at::Tensor& x) {
    return at::tensor({1, 2}, at::kLong).expand_as(x).contiguous();
  });
  EXPECT_TRUE(with_reader.equal(logits(hooks)));  // looking on changes nothing
}

TEST_F(ExpertPoints, FollowReplacedScoresOfTheRouter) {
  const Hooks hooks = changing("blocks.0.mlp.hook_router_scores", [](const at::Tensor& x) {
    at::Tensor scores = at::zeros_like(x);
    scores.select(1, 3).fill_(2.0);
    scores.select(1, 0).fill_(1.0);
    return scores;
  });
  Hooks all = hooks;
  at::Tensor indices, weights;
  all.read("blocks.0.mlp.hook_expert_indices",
           [&](const at::Tensor& x, const HookPoint&) { indices = x; });
  all.read("blocks.0.mlp.hook_expert_weights",
           [&](const at::Tensor& x, const HookPoint&) { weights = x; });
  logits(all);
  EXPECT_TRUE(indices.eq(at::tensor({3, 0}, at::kLong)).all().item<bool>());
  const double sum = std::exp(2.0) + std::exp(1.0) + 2.0;  // denominator of the softmax
  EXPECT_NEAR(weights[0][3].item<double>(), std::exp(2.0) / sum, 1e-6);
  EXPECT_NEAR(weights[0][0].item<double>(), std::exp(1.0) / sum, 1e-6);
}

TEST_F(ExpertPoints, TakeInterventionsByNeuron) {
  const std::string hook = "blocks.1.mlp.experts.0.hook_post";
  InterventionSite site;
  site.hook = hook;
  site.neurons = {3};
  const auto changed = with_interventions(model_, {{site, SetZero{}}});
  const at::Tensor expected = logits(changing(hook, [](const at::Tensor& x) {
    at::Tensor y = x.clone();
    y.select(1, 3).zero_();
    return y;
  }));
  EXPECT_TRUE(changed->forward(tokens_).logits.equal(expected));
}

TEST_F(ExpertPoints, RefuseInterventionsThatNeedPositions) {
  const auto fault = [&](const InterventionAction& action, std::vector<std::int64_t> positions) {
    InterventionSite site;
    site.hook = "blocks.1.mlp.experts.0.hook_post";
    site.positions = std::move(positions);
    return message_of<UsageError>([&] { with_interventions(model_, {{site, action}}); });
  };
  EXPECT_THAT(fault(SetZero{}, {2}), HasSubstr("its axes are routed, d_mlp"));
  EXPECT_THAT(fault(AddNoise{}, {}), HasSubstr("its axes are routed, d_mlp"));
  EXPECT_THAT(fault(Freeze{}, {}), HasSubstr("freeze mlp.hook_expert_weights"));
}

}  // namespace
}  // namespace lensbench
