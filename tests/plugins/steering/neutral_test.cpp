#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/intervention.hpp>

#include "steering_fixture.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

// The cost on a neutral text, against whole forwards.

namespace lensbench::steering {
namespace {

class NeutralText : public ::testing::TestWithParam<std::string> {};

// At depth 0 the runs of the neutral text begin with a stream that the model itself has changed.
TEST_P(NeutralText, InterventionsOnTheEmbeddingsActOnceInTheNeutralText) {
  const std::string folder_of_model = testing::data_folder() + "/layer_attribution/" + GetParam();
  const auto plain = Model::open(folder_of_model);
  InterventionSite embeddings;
  embeddings.hook = "blocks.0.hook_resid_pre";
  const auto changed = with_interventions(plain, {{embeddings, ScaleBy{2.0}}});
  SteeringBench bench(changed, {3, 17, 5});
  at::Tensor direction = at::zeros({plain->spec().d_model});
  direction[1] = 1.0;
  const std::vector<std::int64_t> text = {7, 1, 20, 4, 13};
  const testing::TempDir folder;
  SteeringOptions options;
  options.layers = {0};
  options.alphas = {0, 1.5};
  options.relative = false;
  options.controls = 1;
  options.neutral = folder.write("neutral.jsonl", "{\"ids\": [7, 1, 20, 4, 13]}\n");
  options.window = 12;
  const Dataset result = bench.tool.steer(bench.tokens, direction, Target::token(6), options);

  const auto log_p = [&](double alpha) {
    Hooks hooks;
    hooks.replace(embeddings.hook, [&](const at::Tensor& x, const HookPoint&) {
      return x * 2.0 + direction * alpha;
    });
    const at::Tensor logits =
        plain->forward(make_batch(tokens_from_ids(*plain, text)), {}, hooks).logits[0];
    return at::log_softmax(logits.to(at::kDouble), -1);
  };
  const at::Tensor base = log_p(0), steered = log_p(1.5);
  const at::Tensor kl = (base.exp() * (base - steered)).sum(-1).mean();
  ASSERT_GT(kl.item<double>(), 1e-4) << "steering changes the text";
  EXPECT_NEAR(result["neutral_kl"].tensor[0][1].item<double>(), kl.item<double>(),
              kFloat32 * std::max(1.0, kl.item<double>()));
}

INSTANTIATE_TEST_SUITE_P(Models, NeutralText, ::testing::Values("gpt2", "llama"));

}  // namespace
}  // namespace lensbench::steering
