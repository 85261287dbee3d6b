#include "vision_lens/cost.hpp"

#include <gtest/gtest.h>

namespace lensbench::vision_lens {
namespace {

/// The shape of Qwen2-VL-7B, from its published config.json.
TransformerSpec qwen2_vl_7b() {
  TransformerSpec spec;
  spec.n_layers = 28;
  spec.d_model = 3584;
  spec.attention.n_heads = 28;
  spec.attention.n_key_value_heads = 4;
  spec.attention.d_head = 128;
  spec.mlp.gated = true;
  spec.mlp.d_mlp = 18944;
  VisionSpec& vision = spec.vision.emplace();
  vision.n_layers = 32;
  vision.d_model = 1280;
  vision.n_heads = 16;
  vision.d_mlp = 5120;
  return spec;
}

// For a picture of 1 megapixel: 1,280 tokens, 5,120 patches. Counted by hand:
// text 28 x (2 x 1,280 x 233.0e6 weights + 2 x 1,280^2 x 3,584) = 17.0e12;
// tower 32 x (2 x 5,120 x 19.7e6 + 4 x 5,120^2 x 1,280), patches and merger = 10.9e12.
TEST(ForwardFlops, CountTheTextModelAndItsTower) {
  const TransformerSpec spec = qwen2_vl_7b();
  EXPECT_NEAR(forward_flops(spec, 1280, 0), 17.0e12, 0.1e12);
  EXPECT_NEAR(forward_flops(spec, 1280, 5120) - forward_flops(spec, 1280, 0), 10.9e12, 0.1e12);
}

// A merger on 1,280 squares of four patches: 2 x 1,280 x (5,120^2 + 5,120 x 3,584) = 0.114e12.
TEST(MergerFlops, CountTheProductsOfEachSquare) {
  EXPECT_NEAR(merger_flops(qwen2_vl_7b(), 5120), 0.114e12, 0.001e12);
}

// Windows of 8 x 8 patches in all but four blocks leave a seventh of the products of attention.
TEST(ForwardFlops, CountWindowsOfTheTower) {
  TransformerSpec spec = qwen2_vl_7b();
  spec.vision->gated = true;
  spec.vision->d_mlp = 3420;
  spec.vision->window_size = 112;
  spec.vision->full_attention_blocks = {7, 15, 23, 31};
  EXPECT_NEAR(forward_flops(spec, 1280, 5120) - forward_flops(spec, 1280, 0), 7.2e12, 0.1e12);
}

}  // namespace
}  // namespace lensbench::vision_lens
