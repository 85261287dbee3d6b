#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <lensbench/activation_cache.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/folders.hpp"

namespace lensbench {
namespace {

/// A public trained model with results of an independent float64 program, where they are at hand.
class TrainedModel : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* set = std::getenv("LENSBENCH_SHARED");
    const std::filesystem::path shared = set ? set : testing::source_folder() + "/../shared";
    const auto golden = shared / "golden/aidreams260k_logit_lens.json";
    if (!std::filesystem::exists(golden))
      GTEST_SKIP() << "the trained model aidreams260k is not in " << shared;
    cases_ = nlohmann::json::parse(std::ifstream(golden)).at("cases");
    model_ = Model::open((shared / "models/aidreams260k").string());
  }

  static Tokens prompt(const nlohmann::json& entry) {
    Tokens tokens;
    tokens.ids = entry.at("input_ids").get<std::vector<std::int64_t>>();
    return tokens;
  }

  nlohmann::json cases_;
  std::shared_ptr<const Model> model_;
};

TEST_F(TrainedModel, PredictsTheTokensOfTheReferenceWithTheirProbabilities) {
  for (const auto& entry : cases_) {
    const at::Tensor logits = model_->forward(make_batch(prompt(entry))).logits[0];
    const auto [probabilities, ids] = logits.to(at::kDouble).softmax(-1).topk(5, -1);
    const auto& last = entry.at("lens").back();
    for (std::int64_t p = 0; p < logits.size(0); ++p)
      for (std::int64_t k = 0; k < 5; ++k) {
        const auto at = static_cast<std::size_t>(p), rank = static_cast<std::size_t>(k);
        EXPECT_EQ(ids[p][k].item<std::int64_t>(), last.at("top5_ids").at(at).at(rank));
        // The reference is printed to 8 decimals; the forward is float32.
        EXPECT_NEAR(probabilities[p][k].item<double>(),
                    last.at("top5_probs").at(at).at(rank).get<double>(), 1e-5);
      }
  }
}

TEST_F(TrainedModel, StreamHasTheNormsOfTheReference) {
  for (const auto& entry : cases_) {
    const auto seen = run_with_cache(*model_, make_batch(prompt(entry)),
                                     {"blocks.0.hook_resid_pre", "blocks.*.hook_resid_post"})
                          .cache;
    for (const auto& level : entry.at("lens")) {
      const auto layer = level.at("layer").get<std::int64_t>();
      const std::string name = layer == 0
                                   ? "blocks.0.hook_resid_pre"
                                   : "blocks." + std::to_string(layer - 1) + ".hook_resid_post";
      const at::Tensor norms = seen[name][0].norm(2, -1);
      for (std::int64_t p = 0; p < norms.size(0); ++p)
        EXPECT_NEAR(norms[p].item<double>(),
                    level.at("resid_l2").at(static_cast<std::size_t>(p)).get<double>(), 1e-5);
    }
  }
}

TEST_F(TrainedModel, ContinuesGreedilyAsTheReference) {
  for (const auto& entry : cases_) {
    const auto expected = entry.at("greedy_24").get<std::vector<std::int64_t>>();
    GenerationOptions options;
    options.max_new_tokens = 24;
    EXPECT_EQ(generate(*model_, prompt(entry), options), expected) << entry.at("text");
  }
}

}  // namespace
}  // namespace lensbench
