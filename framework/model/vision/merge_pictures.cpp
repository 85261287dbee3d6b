#include "model/vision/merge_pictures.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include "model/vision/tower.hpp"
#include "model/vision/tower_tokens.hpp"

namespace lensbench {

at::Tensor merge_pictures(const TransformerSpec& spec, const ModelWeights& weights,
                          const TokenBatch& tokens,
                          const std::vector<std::vector<PictureSpan>>& spans,
                          const at::Tensor& embedding) {
  std::vector<PictureRows> pictures;
  for (const auto& row : tokens.pictures) pictures.insert(pictures.end(), row.begin(), row.end());
  if (pictures.empty()) return embedding;
  // Rows of the flattened batch, in the order of the pictures.
  std::vector<at::Tensor> places;
  const std::int64_t length = tokens.length();
  for (std::size_t row = 0; row < spans.size(); ++row)
    for (const PictureSpan& span : spans[row]) {
      const std::int64_t first = static_cast<std::int64_t>(row) * length;
      places.push_back(at::arange(first + span.begin, first + span.end, at::kLong));
    }
  const auto run = [&] { return run_tower(*spec.vision, weights.tower, pictures); };
  const at::Tensor tower = weights.tower_tokens ? weights.tower_tokens->of(pictures, run) : run();
  return embedding.flatten(0, 1)
      .index_copy(0, at::cat(places).to(embedding.device()), tower)
      .view(embedding.sizes());
}

}  // namespace lensbench
