#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/random_model.hpp"
#include "support/tensors.hpp"

// Attention in chunks (Llama 4), by its definition: a query sees the keys up to its own position
// whose position divided by the length of a chunk is the same whole number.

namespace lensbench {
namespace {

using lensbench::testing::largest_difference;

// Float32 sums in another order, of values of size 1 to 10.
constexpr double kSumsInAnotherOrder = 2e-5;
constexpr std::int64_t kChunk = 4;

class ChunkedAttention : public ::testing::Test {
 protected:
  static TransformerSpec spec() {
    TransformerSpec spec = small_llama_spec();
    spec.attention.windows = {-kChunk, 0, -kChunk};
    return spec;
  }
  static Tokens text(std::int64_t length) {
    Tokens tokens;
    for (std::int64_t i = 0; i < length; ++i) tokens.ids.push_back((7 * i + 3) % 61);
    return tokens;
  }
  at::Tensor pattern(const TokenBatch& batch, std::int64_t layer) const {
    const std::string name = "blocks." + std::to_string(layer) + ".attn.hook_pattern";
    return run_with_cache(*model_, batch, {name}).cache[name];
  }
  /// What is seen of a pattern [head, query, key] of a text without padding.
  static void expect_chunks(const at::Tensor& pattern) {
    const at::Tensor position = at::arange(pattern.size(1), at::kLong);
    const at::Tensor chunk = position.div(kChunk, "floor");
    const at::Tensor seen = chunk.unsqueeze(1)
                                .eq(chunk.unsqueeze(0))
                                .logical_and(position.unsqueeze(0).le(position.unsqueeze(1)));
    EXPECT_TRUE(pattern.gt(0.0).eq(seen.unsqueeze(0)).all().item<bool>());
  }

  std::shared_ptr<const Model> model_ = random_model(spec(), 7, at::kFloat, 0.3);
};

TEST_F(ChunkedAttention, SeesTheChunkOfTheQueryUpToItself) {
  // Four heads attend in tiles of at most 2^22 scores: the second begins at query 953, inside of a
  // chunk.
  expect_chunks(pattern(make_batch(text(1100)), 0)[0]);
  EXPECT_TRUE(pattern(make_batch(text(40)), 1)[0].select(1, 39).gt(0.0).all().item<bool>());
}

TEST_F(ChunkedAttention, CountsFromTheFirstTokenAfterPadding) {
  const at::Tensor padded = pattern(make_batch(std::vector<Tokens>{text(11), text(6)}), 0)[1];
  expect_chunks(padded.narrow(1, 5, 6).narrow(2, 5, 6));
}

TEST_F(ChunkedAttention, GivesPaddedTextsTheLogitsOfEachAlone) {
  const at::Tensor both =
      model_->forward(make_batch(std::vector<Tokens>{text(11), text(6)})).logits;
  EXPECT_LT(largest_difference(both[0], model_->forward(make_batch(text(11))).logits[0]),
            kSumsInAnotherOrder);
  EXPECT_LT(
      largest_difference(both[1].narrow(0, 5, 6), model_->forward(make_batch(text(6))).logits[0]),
      kSumsInAnotherOrder);
}

// The parts end inside of chunks, at their ends and after one token of them; one row is padded.
TEST_F(ChunkedAttention, GivesTheLogitsOfAWholeForwardThroughACache) {
  const TokenBatch batch = make_batch(std::vector<Tokens>{text(14), text(9)});
  const at::Tensor whole = model_->forward(batch).logits;
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (const std::int64_t count : {7, 1, 1, 3, 2}) {
    const TokenBatch part{batch.ids.narrow(1, begin, count), batch.mask.narrow(1, begin, count)};
    parts.push_back(model_->forward(part, options).logits);
    begin += count;
  }
  const at::Tensor joined = at::cat(parts, 1);
  EXPECT_LT(largest_difference(joined[0], whole[0]), kSumsInAnotherOrder);
  EXPECT_LT(largest_difference(joined[1].narrow(0, 5, 9), whole[1].narrow(0, 5, 9)),
            kSumsInAnotherOrder);
}

}  // namespace
}  // namespace lensbench
