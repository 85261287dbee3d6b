#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "folder.hpp"
#include "measure.hpp"
#include "model/weights/create_checkpoint.hpp"
#include "ratio.hpp"
#include "vision_lens/decode.hpp"

// Tower, prompt and lens over the tokens of a picture, with the widths of Qwen2-VL-2B, two blocks
// in the tower and two in the text model, a smaller vocabulary, and random weights in float32:
// ratios do not depend on the number of blocks. The floor of each is its bare matrix products,
// measured by turns in the same run.

namespace lensbench::benchmarks {
namespace {

constexpr const char* kConfig = R"({
 "architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl", "dtype": "float32",
 "image_token_id": 5, "video_token_id": 6, "vision_start_token_id": 3, "vision_end_token_id": 4,
 "tie_word_embeddings": true,
 "text_config": {"model_type": "qwen2_vl_text", "hidden_size": 1536, "intermediate_size": 8960,
  "num_hidden_layers": 2, "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 32000,
  "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "hidden_act": "silu",
  "initializer_range": 0.02, "use_sliding_window": false,
  "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0,
   "mrope_section": [16, 24, 24]}},
 "vision_config": {"model_type": "qwen2_vl", "depth": 2, "embed_dim": 1280, "hidden_size": 1536,
  "hidden_act": "quick_gelu", "mlp_ratio": 4, "num_heads": 16, "in_channels": 3, "patch_size": 14,
  "spatial_merge_size": 2, "temporal_patch_size": 2, "initializer_range": 0.02}})";

std::shared_ptr<const Model> vision_model() {
  static const Folder folder;
  static const std::shared_ptr<const Model> model = [] {
    std::ofstream(folder / "config.json") << kConfig;
    create_checkpoint(
        {.config = folder / "config.json", .directory = folder / "model", .dtype = {}});
    return Model::open((folder / "model").string());
  }();
  return model;
}

/// A prompt with a picture of `side` x `side` tokens, and a few words after it.
Tokens picture_prompt(std::int64_t side) {
  const VisionSpec& vision = *vision_model()->spec().vision;
  Tokens tokens;
  tokens.ids = {10, 11, 12, vision.vision_start_token_id};
  tokens.ids.insert(tokens.ids.end(), static_cast<std::size_t>(side * side), vision.image_token_id);
  for (const std::int64_t id : {vision.vision_end_token_id, std::int64_t{20}, std::int64_t{21}})
    tokens.ids.push_back(id);
  PictureRows picture;
  picture.height = picture.width = side * vision.merge_size;
  picture.rows = at::randn({picture.height * picture.width, vision.patch_values()});
  tokens.pictures = {picture};
  return tokens;
}

/// Products of one kind with outputs that are there already.
class Products {
 public:
  /// A row of [in] for each of `rows` rows, with a matrix of [out, in], several times.
  void add(std::int64_t rows, std::int64_t in, std::int64_t out, std::int64_t times) {
    plain_.push_back({at::randn({rows, in}), at::randn({out, in}), at::empty({rows, out}), times});
  }
  /// Scores of `heads` heads over `keys` keys and the product with their values, for tiles of
  /// queries. In a text a query needs the keys up to its own alone.
  void add_attention(std::int64_t heads, std::int64_t keys, std::int64_t width, bool causal,
                     std::int64_t times) {
    constexpr std::int64_t kTile = 128;
    for (std::int64_t begin = 0; begin < keys; begin += kTile) {
      const std::int64_t rows = std::min(kTile, keys - begin);
      const std::int64_t seen = causal ? begin + rows : keys;
      attention_.push_back({at::randn({heads, rows, width}), at::randn({heads, seen, width}),
                            at::empty({heads, rows, seen}), at::empty({heads, rows, width}),
                            times});
    }
  }
  void run() {
    const at::NoGradGuard no_gradients;
    for (Plain& one : plain_)
      for (std::int64_t i = 0; i < one.times; ++i) at::mm_out(one.y, one.x, one.w.t());
    for (Attention& one : attention_)
      for (std::int64_t i = 0; i < one.times; ++i) {
        at::bmm_out(one.scores, one.queries, one.keys.transpose(1, 2));
        at::bmm_out(one.mixed, one.scores, one.keys);
      }
  }

 private:
  struct Plain {
    at::Tensor x, w, y;
    std::int64_t times;
  };
  struct Attention {
    at::Tensor queries, keys, scores, mixed;
    std::int64_t times;
  };
  std::vector<Plain> plain_;
  std::vector<Attention> attention_;
};

Products products_of_tower(const TransformerSpec& spec, std::int64_t patches) {
  const VisionSpec& vision = *spec.vision;
  const std::int64_t width = vision.d_model, joined = vision.patches_of_token() * width;
  Products products;
  products.add(patches, vision.patch_values(), width, 1);
  products.add(patches, width, 3 * width, vision.n_layers);
  products.add(patches, width, width, vision.n_layers);
  products.add(patches, width, vision.d_mlp, vision.n_layers);
  products.add(patches, vision.d_mlp, width, vision.n_layers);
  products.add_attention(vision.n_heads, patches, vision.d_head(), false, vision.n_layers);
  products.add(patches / vision.patches_of_token(), joined, joined, 1);
  products.add(patches / vision.patches_of_token(), joined, spec.d_model, 1);
  return products;
}

Products products_of_prompt(const TransformerSpec& spec, std::int64_t tokens) {
  const AttentionSpec& attention = spec.attention;
  const std::int64_t queries = attention.n_heads * attention.d_head;
  Products products;
  products.add(tokens, spec.d_model, queries + 2 * attention.n_key_value_heads * attention.d_head,
               spec.n_layers);
  products.add(tokens, queries, spec.d_model, spec.n_layers);
  products.add(tokens, spec.d_model, spec.mlp.d_mlp, 2 * spec.n_layers);
  products.add(tokens, spec.mlp.d_mlp, spec.d_model, spec.n_layers);
  products.add_attention(attention.n_heads, tokens, attention.d_head, true, spec.n_layers);
  return products;
}

/// Times of some work and of its bare products by turns; the best of each.
template <class Work>
void by_turns(benchmark::State& state, Products products, const Work& work) {
  products.run();
  Best ours, bare;
  for (auto _ : state) {
    bare.time([&] { products.run(); });
    ours.time(work);
    state.SetIterationTime(ours.wall_s);
  }
  state.counters["bare_s"] = bare.wall_s;
  count_ratio(state, "over_bare_products", ours, bare);
}

/// \param state  range 0: tokens on a side of the picture
void tower(benchmark::State& state) {
  const auto model = vision_model();
  const std::int64_t side = state.range(0);
  const Tokens tokens = picture_prompt(side);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.stop_at_layer = 0;
  by_turns(state, products_of_tower(model->spec(), 4 * side * side), [&] {
    // Rows in a tensor of their own are a picture that the model has not seen yet.
    Tokens fresh = tokens;
    fresh.pictures[0].rows = fresh.pictures[0].rows.clone();
    benchmark::DoNotOptimize(model->forward(make_batch(fresh), options));
  });
}
BENCHMARK(tower)->Arg(18)->Arg(36)->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);

/// The prompt after the tower, whose tokens the model keeps.
void prompt_with_picture(benchmark::State& state) {
  const auto model = vision_model();
  const Tokens tokens = picture_prompt(state.range(0));
  const TokenBatch batch = make_batch(tokens);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  benchmark::DoNotOptimize(model->forward(batch, options));
  by_turns(state, products_of_prompt(model->spec(), tokens.size()),
           [&] { benchmark::DoNotOptimize(model->forward(batch, options)); });
}
BENCHMARK(prompt_with_picture)
    ->Arg(18)
    ->Arg(36)
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

/// What the tokens of a picture of 18 x 18 decode to at three layers, with two concepts, against
/// the product of as many rows with the unembedding, in the sizes of blocks that suit the BLAS.
void lens_over_picture(benchmark::State& state) {
  const at::NoGradGuard no_gradients;
  const auto model = vision_model();
  constexpr std::int64_t kLayers = 3, kTokens = 18 * 18;
  const std::int64_t width = model->spec().d_model;
  std::vector<at::Tensor> streams;
  for (std::int64_t layer = 0; layer < kLayers; ++layer)
    streams.push_back(at::randn({kTokens, width}));
  const std::vector<vision_lens::TokenSet> sets = {
      {"one", {{.id = 100, .text = "a", .form = "100"}}},
      {"two", {{.id = 7, .text = "b", .form = "7"}, {.id = 9, .text = "c", .form = "9"}}}};
  const at::Tensor rows = at::randn({kLayers * kTokens, width});
  const at::Tensor& weight = model->unembedding().weight;
  Best ours, bare;
  for (auto _ : state) {
    for (const std::int64_t block : {kTokens / 2, kTokens, kLayers * kTokens}) {
      at::Tensor output = at::empty({block, weight.size(0)});
      bare.time([&] {
        for (std::int64_t row = 0; row < rows.size(0); row += block)
          at::mm_out(output, rows.narrow(0, row, block), weight.t());
      });
    }
    ours.time([&] { benchmark::DoNotOptimize(vision_lens::decode(*model, streams, sets, 5)); });
    state.SetIterationTime(ours.wall_s);
  }
  count_ratio(state, "over_bare_product", ours, bare);
}
BENCHMARK(lens_over_picture)->UseManualTime()->Iterations(7)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lensbench::benchmarks
