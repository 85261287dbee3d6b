// Scores of single edges from their definition: the derivative of the metric when the reader's
// input moves along what the source changes, by differences of whole forwards.
#include <ATen/TensorOperators.h>

#include "edge_fixture.hpp"
#include "support/random_model.hpp"

namespace lensbench::edges {
namespace {

// Two central differences, extrapolated to a step of 0, are exact to about the fourth power of the
// step. Logits are float32, which a step may not be much smaller for.
constexpr double kStep = 0.02, kExact = 1e-4;
constexpr std::int64_t kTarget = 6, kVersus = 9;

class Derivatives : public ::testing::Test {
 protected:
  at::Tensor read(const std::vector<std::int64_t>& ids, const std::string& hook) const {
    at::Tensor found;
    Hooks hooks;
    hooks.read(hook, [&](const at::Tensor& x, const HookPoint&) { found = x; });
    bench_.model->forward(make_batch(bench_.tokens_of(ids)), {}, hooks);
    return found;
  }
  /// Metric with a change of one reader's input. \param head  -1: an input without heads
  double metric(const std::string& hook, std::int64_t head, const at::Tensor& change) const {
    Hooks hooks;
    hooks.replace(hook, [&](const at::Tensor& x, const HookPoint&) {
      at::Tensor changed = x.clone();
      (head < 0 ? changed : changed.select(2, head)).add_(change);
      return changed;
    });
    const at::Tensor row =
        bench_.model->forward(make_batch(bench_.tokens), {}, hooks).logits[0][-1];
    return (row[kTarget] - row[kVersus]).item<double>();
  }
  /// \param writes  hook of the source; \param writer  its head, -1: all of it
  double derivative(const std::string& writes, std::int64_t writer, const std::string& reads,
                    std::int64_t reader) const {
    at::Tensor difference = read(kCorrupted, writes) - read(kClean, writes);
    if (writer >= 0) difference = difference.select(2, writer);
    const auto central = [&](double step) {
      return (metric(reads, reader, difference * step) -
              metric(reads, reader, difference * -step)) /
             (2 * step);
    };
    return (4 * central(kStep / 2) - central(kStep)) / 3;
  }
  EdgeBench bench_{random_model(small_gpt2_spec(), 6, at::kDouble, 0.3), kClean};
};

TEST_F(Derivatives, AreTheScoresOfSingleEdges) {
  EdgeAttributionOptions options{.method = "eap", .proportions = {}};
  options.metric.versus = Target::token(kVersus);
  const Dataset result = bench_.tool.attribute_edges(bench_.tokens, bench_.tokens_of(kCorrupted),
                                                     Target::token(kTarget), options);
  const double scale = result["edge_score"].tensor.abs().max().item<double>();
  ASSERT_GT(scale, 1e-3);
  const auto expect = [&](const char* source, const char* reader, double derivative) {
    EXPECT_NEAR(score_of(result, source, reader), derivative, scale * kExact)
        << source << " to " << reader;
  };
  expect("embed", "L0H1.q", derivative("hook_embed", -1, "blocks.0.hook_q_input", 1));
  expect("embed", "L2H0.v", derivative("hook_embed", -1, "blocks.2.hook_v_input", 0));
  expect("embed", "1_mlp_out.in", derivative("hook_embed", -1, "blocks.1.hook_mlp_in", -1));
  expect("L0H2", "L1H1.k", derivative("blocks.0.attn.hook_result", 2, "blocks.1.hook_k_input", 1));
  expect("L0H2", "0_mlp_out.in",
         derivative("blocks.0.attn.hook_result", 2, "blocks.0.hook_mlp_in", -1));
  expect("1_mlp_out", "L2H2.v",
         derivative("blocks.1.hook_mlp_out", -1, "blocks.2.hook_v_input", 2));
  expect("1_mlp_out", "logits.in",
         derivative("blocks.1.hook_mlp_out", -1, "blocks.2.hook_resid_post", -1));
}

}  // namespace
}  // namespace lensbench::edges
