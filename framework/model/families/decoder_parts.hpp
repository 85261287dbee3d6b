#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/spec.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "checkpoint/config.hpp"
#include "model/families/config_parts.hpp"
#include "model/families/weight_parts.hpp"
#include "model/weights/weight_taker.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// Differences between configs of the Llama line: names of fields and their default values.
struct DecoderDefaults {
  std::string_view family;
  std::int64_t max_positions = 2048;
  std::optional<std::int64_t> key_value_heads = std::nullopt;  ///< nullopt: num_attention_heads
  std::optional<std::int64_t> d_head = std::nullopt;           ///< nullopt: hidden_size / heads
  NormSpec norm = {NormKind::rms_norm, 1e-6, false, false};
  const char* epsilon_field = "rms_norm_eps";
  const char* activation_field = "hidden_act";
  const char* activation = "silu";
  bool tied = false;
  RopeDefaults rope = {};
  bool own_rope = false;  ///< the family reads its rotary settings itself
  bool xielu = false;     ///< the activation may be xIELU, whose parameters the family takes
};

/// Spec of a decoder like Llama: rotary positions, grouped queries, a gated MLP, norms before the
/// sublayers, no biases. Families then change what differs.
TransformerSpec read_decoder(const ConfigReader& config, const DecoderDefaults& defaults);

/// Windows of Qwen: off unless `use_sliding_window`, then from block `max_window_layers` on.
std::vector<std::int64_t> read_qwen_windows(const ConfigReader& config, std::int64_t n_layers);

/// Takes `q_proj`, `k_proj`, `v_proj` and the output projection, with the biases of the spec.
void take_attention(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block, const char* output = "o_proj");

/// Takes the norms of queries and keys, if the spec has them.
void take_query_key_norms(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix, BlockWeights& block,
                          const char* query = "q_norm", const char* key = "k_norm");

/// Takes `gate_proj`, `up_proj` and `down_proj`.
void take_gated_mlp(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block);

/// Takes `gate_up_proj`, which has the gate before the input, and `down_proj`, without biases.
void take_fused_mlp(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block);

/// Takes the two projections of an MLP without gate. \param prefix  for instance `layers.3.mlp.`
void take_plain_mlp(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block, const char* in = "up_proj", const char* out = "down_proj");

/// Takes the norms of a block, whose names depend on their placement.
void take_block_norms(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                      BlockWeights& block);

/// Takes norms, `self_attn` and `mlp` of a Llama block. \param prefix  for instance `layers.3.`
BlockWeights take_decoder_block(const TransformerSpec& spec, WeightTaker& taker,
                                const std::string& prefix);

/// Takes embedding, blocks, final norm and unembedding.
/// \param take_block  takes the weights of one block, whose names start with `prefix`
ModelWeights take_decoder(
    const TransformerSpec& spec, WeightTaker& taker,
    BlockWeights (*take_block)(const TransformerSpec& spec, WeightTaker& taker,
                               const std::string& prefix) = take_decoder_block,
    const std::string& final_norm = "norm");

/// The same for a model whose blocks differ.
/// \param take_block  takes the weights of one block; \param prefix  beginning of their names
ModelWeights take_decoder_blocks(
    const TransformerSpec& spec, WeightTaker& taker,
    const std::function<BlockWeights(std::int64_t layer, const std::string& prefix)>& take_block,
    const std::string& final_norm = "norm");

/// Buffers in older checkpoints of the Llama line.
inline const std::vector<std::string_view> kRotaryBuffers = {
    "layers.*.self_attn.rotary_emb.inv_freq", "rotary_emb.inv_freq"};

}  // namespace lensbench
