#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"

// Positions of tokens that a callback is told, for changes of some tokens of a batch.

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using FirstAndPrompt = std::pair<std::int64_t, std::int64_t>;

class RowPositionsTest : public ::testing::Test {
 protected:
  Tokens tokens(std::vector<std::int64_t> ids) const { return tokens_from_ids(*model_, ids); }

  /// Positions of a row at a point during one forward.
  FirstAndPrompt at(const std::string& name, const TokenBatch& batch, std::int64_t row,
                    const ForwardOptions& options = {}) const {
    FirstAndPrompt found{-100, -100};
    Hooks hooks;
    hooks.read(name, [&](const at::Tensor&, const HookPoint& point) {
      const RowPositions positions = row_positions(point, row);
      found = {positions.first, positions.prompt};
    });
    model_->forward(batch, options, hooks);
    return found;
  }

  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 1);
};

TEST_F(RowPositionsTest, OfAWholePromptBeginAtItsFirstToken) {
  EXPECT_EQ(at("blocks.0.hook_resid_pre", make_batch(tokens({1, 2, 3})), 0), FirstAndPrompt(0, 3));
}

TEST_F(RowPositionsTest, OfAShorterRowCountItsOwnTokensAfterThePadding) {
  const TokenBatch batch = make_batch(std::vector{tokens({1, 2, 3, 4, 5}), tokens({6, 7})});
  EXPECT_EQ(at("blocks.0.hook_resid_pre", batch, 0), FirstAndPrompt(0, 5));
  // Three columns of padding, then positions 0 and 1.
  EXPECT_EQ(at("blocks.0.hook_resid_pre", batch, 1), FirstAndPrompt(-3, 2));
}

TEST_F(RowPositionsTest, AfterACachedPromptContinueIt) {
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  options.prompt_length = 3;
  EXPECT_EQ(at("blocks.1.hook_resid_post", make_batch(tokens({1, 2, 3})), 0, options),
            FirstAndPrompt(0, 3));
  EXPECT_EQ(at("blocks.1.hook_resid_post", make_batch(tokens({4})), 0, options),
            FirstAndPrompt(3, 3));
}

TEST_F(RowPositionsTest, AfterTheBlocksAreThoseWhoseLogitsAreComputed) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::last;
  EXPECT_EQ(at("unembed.hook_in", make_batch(tokens({1, 2, 3})), 0, options), FirstAndPrompt(2, 3));
}

TEST_F(RowPositionsTest, AreRefusedForARowThatTheBatchLacks) {
  const TokenBatch batch = make_batch(std::vector{tokens({1, 2, 3}), tokens({4})});
  EXPECT_THAT(message_of<UsageError>([&] { at("hook_embed", batch, 2); }), HasSubstr("row 2"));
}

TEST_F(RowPositionsTest, AreRefusedForAMixtureWhosePointsJoinTheRowsOfABatch) {
  TransformerSpec mixture = small_llama_spec();
  mixture.mlp.n_experts = 3;
  mixture.mlp.experts_per_token = 1;
  model_ = random_model(mixture, 1);
  const TokenBatch batch = make_batch(std::vector{tokens({1, 2, 3}), tokens({4})});
  EXPECT_EQ(at("blocks.0.hook_mlp_out", batch, 1), FirstAndPrompt(-2, 1));
  for (const char* name : {"blocks.0.mlp.hook_router_scores", "blocks.0.mlp.experts.*.hook_pre"})
    EXPECT_THAT(message_of<UsageError>([&] { at(name, batch, 0); }),
                HasSubstr("its activation does not have positions"))
        << name;
}

TEST_F(RowPositionsTest, AreRefusedWhereNoForwardRuns) {
  const HookPoint point = hook_points(model_->spec()).front();
  EXPECT_THAT(message_of<UsageError>([&] { row_positions(point); }),
              HasSubstr("hook 'hook_embed': its activation does not have positions"));
}

}  // namespace
}  // namespace lensbench
