#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "support/sample_models.hpp"
#include "support/tensors.hpp"

// Phi-3.5-MoE: factors on rotated queries and keys, by the length of the text. Its router is in
// forward/sparse_mixer_test.cpp.

namespace lensbench {
namespace {

// Float32 squares of values of size 1, summed.
constexpr double kSummed = 1e-5;

std::vector<Tokens> texts_of(const std::vector<std::int64_t>& lengths) {
  std::vector<Tokens> texts;
  for (const std::int64_t length : lengths) {
    Tokens text;
    for (std::int64_t i = 0; i < length; ++i) text.ids.push_back((7 * i + 3) % 61);
    texts.push_back(text);
  }
  return texts;
}

at::Tensor sizes_of(const at::Tensor& x) {
  return at::linalg_vector_norm(x, 2, at::IntArrayRef{-1});
}

/// A rotation keeps the size of a vector, so that the factor is left.
at::Tensor factors_of(const ActivationCache& seen, const std::string& letter) {
  return sizes_of(seen["blocks.1.attn.hook_rot_" + letter]) /
         sizes_of(seen["blocks.1.attn.hook_" + letter]);
}

// The sample has `short_mscale` 1.1, `long_mscale` 1.4 and a trained length of 16.
TEST(PhimoeRotation, HasTheFactorOfTheLengthOfEachText) {
  const auto model = testing::sample("phimoe-longrope");
  const auto seen =
      run_with_cache(*model, make_batch(texts_of({17, 16})), {"blocks.1.attn.hook_*"});
  for (const std::string letter : {"q", "k"}) {
    const at::Tensor factors = factors_of(seen.cache, letter);
    EXPECT_LT(testing::largest(factors[0] - 1.4), kSummed) << letter;
    EXPECT_LT(testing::largest(factors[1].narrow(0, 1, 16) - 1.1), kSummed) << letter;
  }
}

}  // namespace
}  // namespace lensbench
