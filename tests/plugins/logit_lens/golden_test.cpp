#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/generation.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "logit_lens/logit_lens.hpp"
#include "support/contexts.hpp"
#include "support/folders.hpp"

// A public trained model against an independent float64 program (`note` in the file says how). Its
// probabilities have float64 precision; ours come from float32 logits, hence 1e-5. Its ranks count
// strictly larger logits from 0.

namespace lensbench::lens {
namespace {

std::filesystem::path shared() {
  const char* given = std::getenv("LENSBENCH_SHARED");
  return given != nullptr ? given : testing::source_folder() + "/../shared";
}

class TrainedLlama : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto golden = shared() / "golden/aidreams260k_logit_lens.json";
    const auto directory = shared() / "models/aidreams260k";
    if (!std::filesystem::exists(golden) || !std::filesystem::exists(directory))
      GTEST_SKIP() << "the shared model or its reference is not here: " << golden;
    cases = nlohmann::json::parse(std::ifstream(golden)).at("cases");
    model = Model::open(directory.string());
  }
  nlohmann::json cases;
  std::shared_ptr<const Model> model;
};

using Ids = std::vector<std::int64_t>;

TEST_F(TrainedLlama, TokenizesAsTheReference) {
  for (const auto& c : cases)
    EXPECT_EQ(to_tokens(*model, c.at("text").get<std::string>()).ids, c.at("input_ids").get<Ids>());
}

TEST_F(TrainedLlama, LensEqualsTheFloat64Reference) {
  for (const auto& c : cases) {
    Context context = testing::context_of(model);
    LogitLensTool tool;
    tool.attach(context);
    const Tokens tokens = tokens_from_ids(*model, c.at("input_ids").get<Ids>());
    LogitLensOptions options;
    options.top_k = 5;
    const Dataset lens = tool.analyze(tokens, options);
    for (const auto& row : c.at("lens")) {
      const auto layer = row.at("layer").get<std::int64_t>();
      const auto at = [&](const char* name, std::int64_t p) { return lens[name].tensor[layer][p]; };
      for (std::int64_t p = 0; p < tokens.size(); ++p) {
        const auto i = static_cast<std::size_t>(p);
        for (std::int64_t k = 0; k < 5; ++k) {
          const auto rank = static_cast<std::size_t>(k);
          EXPECT_EQ(at("top_id", p)[k].item<std::int64_t>(), row.at("top5_ids")[i][rank]);
          EXPECT_NEAR(at("top_probability", p)[k].item<double>(), row.at("top5_probs")[i][rank],
                      1e-5);
        }
        EXPECT_NEAR(at("entropy", p).item<double>(), row.at("entropy_nats")[i], 1e-5);
        EXPECT_NEAR(at("kl_final_to_layer", p).item<double>(), row.at("kl_final_to_layer_nats")[i],
                    1e-5);
        EXPECT_EQ(at("target_rank", p).item<int>(), 1 + row.at("next_token_rank")[i].get<int>());
      }
    }
    EXPECT_TRUE(lens.receipts.at(0).passed) << lens.receipts.at(0).value;
  }
}

TEST_F(TrainedLlama, ContinuesGreedilyAsTheReference) {
  for (const auto& c : cases) {
    GenerationOptions options;
    const Ids expected = c.at("greedy_24").get<Ids>();
    options.max_new_tokens = static_cast<std::int64_t>(expected.size());
    options.stop_at_end_of_sequence = false;
    const Tokens prompt = tokens_from_ids(*model, c.at("input_ids").get<Ids>());
    EXPECT_EQ(generate(*model, prompt, options), expected);
  }
}

}  // namespace
}  // namespace lensbench::lens
