#include "cost.hpp"

namespace lensbench::vision_lens {
namespace {

/// Operations of the blocks of the text model.
double text_flops(const TransformerSpec& spec, double tokens) {
  const AttentionSpec& attention = spec.attention;
  const auto width = static_cast<double>(spec.d_model);
  const auto queries = static_cast<double>(attention.n_heads * attention.d_head);
  const auto keys = static_cast<double>(attention.n_key_value_heads * attention.d_head);
  const double weights = width * (2 * queries + 2 * keys) +
                         (spec.mlp.gated ? 3 : 2) * width * static_cast<double>(spec.mlp.d_mlp);
  // Half of the scores and of their products with the values: later tokens are not seen.
  const double between = 2 * tokens * tokens * queries;
  return static_cast<double>(spec.n_layers) * (2 * tokens * weights + between);
}

/// Patches that each patch attends to in a block of the tower: all, or those of its window.
double seen(const VisionSpec& vision, std::int64_t layer, double patches) {
  if (vision.window_size == 0) return patches;
  for (const std::int64_t full : vision.full_attention_blocks)
    if (full == layer) return patches;
  const auto side = static_cast<double>(vision.window_size / vision.patch_size);
  return side * side < patches ? side * side : patches;
}

double tower_flops(const TransformerSpec& spec, double patches) {
  const VisionSpec& vision = *spec.vision;
  const auto width = static_cast<double>(vision.d_model);
  const double weights =
      4 * width * width + (vision.gated ? 3 : 2) * width * static_cast<double>(vision.d_mlp);
  double flops = 2 * patches * width * static_cast<double>(vision.patch_values());
  for (std::int64_t layer = 0; layer < vision.n_layers; ++layer)
    flops += 2 * patches * weights + 4 * patches * seen(vision, layer, patches) * width;
  return flops;
}

}  // namespace

double forward_flops(const TransformerSpec& spec, std::int64_t tokens, std::int64_t patches) {
  return text_flops(spec, static_cast<double>(tokens)) +
         (patches > 0
              ? tower_flops(spec, static_cast<double>(patches)) + merger_flops(spec, patches)
              : 0.0);
}

double merger_flops(const TransformerSpec& spec, std::int64_t patches) {
  const auto joined = static_cast<double>(spec.vision->patches_of_token());
  const double merged = joined * static_cast<double>(spec.vision->d_model);
  return 2 * static_cast<double>(patches) / joined *
         (merged * merged + merged * static_cast<double>(spec.d_model));
}

}  // namespace lensbench::vision_lens
