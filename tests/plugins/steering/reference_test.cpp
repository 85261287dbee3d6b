// Steering in TransformerLens 4.3.0 with float64, by hooks and without a cache, as
// tests/parity/steering_reference.py writes it.
#include "checkpoint/weights/safetensors.hpp"
#include "steering_fixture.hpp"
#include "support/folders.hpp"
#include "support/temp_dir.hpp"

namespace lensbench::steering {
namespace {

class SteeringReference : public ::testing::TestWithParam<std::string> {};

TEST_P(SteeringReference, HasTheSameEffectsCostsAndTokens) {
  const std::string data = testing::data_folder();
  const SafetensorsFile reference(data + "/steering/" + GetParam() + ".safetensors");
  SteeringBench bench(Model::open(data + "/layer_attribution/" + GetParam()), {3, 17, 5, 5, 11, 2});
  const testing::TempDir folder;
  SteeringOptions options;
  options.metric.versus = Target::token(9);
  options.layers = {0, 1, 2, 3};
  options.relative = false;
  options.controls = 1;
  options.neutral = folder.write("neutral.jsonl",
                                 "{\"ids\": [7, 1, 20, 4, 13]}\n"
                                 "{\"ids\": [9, 9, 2, 16, 8, 21, 3]}\n");
  options.window = 12;
  for (const auto& [mode, name] : {std::pair{SteeringMode::add, "add"},
                                   {SteeringMode::clamp, "clamp"},
                                   {SteeringMode::project, "project"}}) {
    options.mode = mode;
    options.alphas = {-2, 0, 1.5};
    if (mode == SteeringMode::project) options.alphas.clear();
    options.max_new_tokens = mode == SteeringMode::add ? 5 : 0;
    const Dataset result = bench.tool.steer(bench.tokens, reference.tensor("direction").clone(),
                                            Target::token(6), options);
    const std::string prefix = std::string(name) + ".";
    const auto same = [&](const std::string& variable) {
      SCOPED_TRACE(prefix + variable);
      expect_near(result[variable].tensor, reference.tensor(prefix + variable), kFloat32);
    };
    for (const char* variable : {"effect", "kl", "neutral_kl", "neutral_perplexity"})
      same(variable);
    expect_receipts_hold(result);
    if (mode != SteeringMode::add) continue;
    EXPECT_TRUE(
        result["generated_id"].tensor.to(at::kLong).equal(reference.tensor("add.generated_id")));
    same("generated_perplexity");
    same("distinct_2");
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SteeringReference, ::testing::Values("gpt2", "llama"));

}  // namespace
}  // namespace lensbench::steering
