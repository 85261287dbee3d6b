#include "lens_fixture.hpp"
#include "support/embedded_model.hpp"

// The embedded model and text that the lens was not trained on.

namespace lensbench::tuned {
namespace {

TEST(TunedLensOfTheEmbeddedModel, IsNearerToTheModelThanTheLogitLensAtEveryLayer) {
  LensBench bench(Model::open(testing::kModel), {3, 17, 5, 9});
  TunedLensTraining training;
  training.text = "generated:16";
  training.window = 32;
  training.steps = 12;
  training.tokens_per_step = 128;
  training.held_out = 0.25;
  const Dataset found = bench.tool.train(bench.tokens, training, {});
  testing::expect_receipts_hold(found, 5);
  const at::Tensor lens = found["held_out_kl"].tensor;
  const at::Tensor plain = found["held_out_kl_logit_lens"].tensor;
  for (std::int64_t layer = 0; layer < 6; ++layer)
    EXPECT_LT(lens[layer].item<double>(), plain[layer].item<double>()) << layer;
  EXPECT_EQ(lens[6].item<double>(), 0);
  EXPECT_EQ(plain[6].item<double>(), 0);
}

}  // namespace
}  // namespace lensbench::tuned
