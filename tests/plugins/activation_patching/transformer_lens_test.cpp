// The sweeps of transformer_lens.patching 4.3.0 in float64, as
// tests/parity/activation_patching_reference.py writes them.
#include <ATen/TensorOperators.h>

#include "checkpoint/weights/safetensors.hpp"
#include "patching_fixture.hpp"
#include "support/folders.hpp"

namespace lensbench::patching {
namespace {

// The model runs in float32 here, for logits of size about 1.
constexpr double kFloat32 = 2e-5;

TEST(TransformerLens, HasTheSameEffects) {
  const std::string data = testing::data_folder();
  const SafetensorsFile reference(data + "/activation_patching/gpt2.safetensors");
  std::map<std::string, at::Tensor> expected;
  for (const auto& [name, entry] : reference.entries()) expected[name] = reference.tensor(name);
  PatchingBench bench(Model::open(data + "/layer_attribution/gpt2"), {3, 17, 5, 5, 11, 2});
  ActivationPatchingOptions options;
  options.metric.versus = Target::token(9);
  options.min_gap = 0.0;
  options.points = {"resid_pre", "resid_mid", "attn_out", "mlp_out"};
  options.head_points = {"z", "q", "k", "v", "pattern"};
  const auto patch = [&] {
    return bench.tool.patch(bench.tokens, bench.tokens_of({3, 17, 8, 5, 11, 20}), Target::token(6),
                            options);
  };
  const Dataset by_position = patch();
  options.by_position = false;
  options.points = {};
  const Dataset whole = patch();
  const auto expect_equal = [&](const Dataset& dataset, const std::string& ours,
                                const std::string& theirs) {
    const at::Tensor found = dataset[ours].tensor + value_of(dataset, "base_metric");
    ASSERT_EQ(found.sizes(), expected.at(theirs).sizes()) << ours;
    EXPECT_LE((found - expected.at(theirs)).abs().max().item<double>(), kFloat32) << ours;
  };
  for (const char* point : {"resid_pre", "resid_mid", "attn_out", "mlp_out"})
    expect_equal(by_position, std::string(point) + "_effect", point);
  for (const std::string point : {"z", "q", "k", "v", "pattern"}) {
    expect_equal(by_position, point + "_head_effect", point + "_head");
    expect_equal(whole, point + "_head_effect", point + "_whole_head");
  }
  EXPECT_NEAR(value_of(whole, "source_metric"), expected.at("clean").item<double>(), kFloat32);
  EXPECT_NEAR(value_of(whole, "base_metric"), expected.at("corrupted").item<double>(), kFloat32);
}

}  // namespace
}  // namespace lensbench::patching
