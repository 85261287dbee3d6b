// The direct paths between heads of transformer_lens.patching 4.3.0 in float64, as
// tests/parity/path_patching_reference.py writes them.
#include <cmath>

#include "checkpoint/weights/safetensors.hpp"
#include "path_fixture.hpp"
#include "support/folders.hpp"

namespace lensbench::paths {
namespace {

// The model runs in float32 here, for logits of size about 1; single results there are float32.
constexpr double kFloat32 = 2e-5;

TEST(TransformerLensPaths, HaveTheSameMetrics) {
  const std::string data = testing::data_folder();
  const SafetensorsFile reference(data + "/path_patching/gpt2.safetensors");
  PathBench bench(Model::open(data + "/layer_attribution/gpt2"), {3, 17, 5, 5, 11, 2});
  PathPatchingOptions options;
  options.metric.versus = Target::token(9);
  options.direction = Direction::denoise;
  options.min_gap = 0.0;
  options.senders = {"heads"};
  options.receivers = {"heads"};
  const Dataset result = bench.tool.patch_paths(
      bench.tokens, bench.tokens_of({3, 17, 8, 5, 11, 20}), Target::token(6), options);
  const double base = value_of(result, "base_metric");
  EXPECT_NEAR(base, reference.tensor("corrupted").item<double>(), kFloat32);
  int compared = 0;
  for (const std::string letter : {"q", "k", "v"}) {
    const at::Tensor theirs = reference.tensor(letter);
    const std::int64_t layers = theirs.size(0), heads = theirs.size(1);
    for (std::int64_t i = 0; i < layers * heads * layers * heads; ++i) {
      const std::int64_t to_head = i % heads, to = i / heads % layers;
      const std::int64_t head = i / heads / layers % heads, from = i / heads / layers / heads;
      const std::string sender = "L" + std::to_string(from) + "H" + std::to_string(head);
      const std::string receiver =
          "L" + std::to_string(to) + "H" + std::to_string(to_head) + "." + letter;
      const double effect = path_of(result, "effect", sender, receiver);
      ASSERT_EQ(std::isnan(effect), to <= from) << sender << " to " << receiver;
      if (std::isnan(effect)) continue;
      EXPECT_NEAR(effect + base, theirs[from][head][to][to_head].item<double>(), kFloat32)
          << sender << " to " << receiver;
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace lensbench::paths
