// A model of which the best lens is known: its only block sees the token itself and adds h M.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <lensbench/weight_changes.hpp>

#include "lens_fixture.hpp"
#include "support/random_model.hpp"

namespace lensbench::tuned {
namespace {

constexpr std::int64_t kTokens = 6, kWidth = 8;
constexpr double kLogit = 3;

/// Token t is feature t; the block turns it into feature t + 1, whose token gets the logit 3.
std::shared_ptr<const Model> linear_model() {
  TransformerSpec spec = small_llama_spec();
  spec.n_layers = 1;
  spec.d_model = kWidth;
  spec.vocab_size = kTokens;
  spec.position = PositionKind::none;
  spec.rope.reset();
  spec.attention.n_heads = spec.attention.n_key_value_heads = 1;
  spec.attention.d_head = kWidth;
  spec.attention.windows = {1};
  spec.norm.epsilon = 0;
  spec.final_norm = false;
  const auto model = random_model(spec, 0);
  const at::Tensor features = at::eye(kTokens, kWidth);
  at::Tensor move = at::zeros({kWidth, kWidth});
  for (std::int64_t t = 0; t < kTokens; ++t) {
    move[t][t] = -1;
    move[t][(t + 1) % kTokens] = 1;
  }
  // The norm of a feature of size 1 is that of the width: sqrt(8).
  return with_weights(
      model, {{"embed.W_E", features},
              {"unembed.W_U", (kLogit * features).t()},
              {"blocks.0.ln1.w", at::full({kWidth}, 1 / std::sqrt(8.0))},
              {"blocks.0.attn.W_V", move.unsqueeze(0)},
              {"blocks.0.attn.W_O", at::eye(kWidth).unsqueeze(0)},
              {"blocks.0.mlp.W_out", at::zeros_like(model->weight("blocks.0.mlp.W_out"))}});
}

TEST(TunedLensOfALinearModel, FindsTheMapOfItsBlock) {
  const testing::TempDir folder;
  TunedLensTraining training =
      small_training(folder.write("text.jsonl", documents(12, 8, kTokens)));
  training.steps = 300;
  training.weight_decay = 0;
  LensBench bench(linear_model(), {0, 1, 2, 3, 4, 5});
  const Dataset found = bench.tool.train(bench.tokens, training, {.top_k = 3});
  testing::expect_receipts_hold(found, 5);

  // The logit lens gives the token itself what the model gives the next one.
  const double others = std::exp(-kLogit) / (1 + (kTokens - 1) * std::exp(-kLogit));
  const double hit = others * std::exp(kLogit);
  EXPECT_NEAR(testing::value_at(found, "held_out_kl_logit_lens", {0}), kLogit * (hit - others),
              1e-5);
  EXPECT_LT(testing::value_at(found, "held_out_kl", {0}), 1e-3);
  EXPECT_EQ(testing::value_at(found, "held_out_kl", {1}), 0);
  EXPECT_LT(testing::value_at(found, "marginal_kl", {0}), 1e-3);

  // h + A h + b is h + h M up to a constant, which the softmax does not see.
  const at::Tensor map =
      at::eye(kWidth) + found["translator_weight"].tensor[0].t();  // [model_in, model_out]
  const at::Tensor seen =
      (map + found["translator_bias"].tensor[0]).narrow(0, 0, kTokens).narrow(1, 0, kTokens);
  const at::Tensor wanted = at::eye(kTokens).roll(1, 1);
  const auto centred = [](const at::Tensor& rows) { return rows - rows.mean(1, true); };
  EXPECT_LT(largest_difference(centred(seen), centred(wanted)), 0.05);
  EXPECT_EQ(found["translator_weight"].tensor[1].abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace lensbench::tuned
