#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model_file.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokenizer.hpp>
#include <lensbench/tokens.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Settings for opening a model.
struct ModelOptions {
  /// Element type of weights and activations. A checkpoint in this type is memory-mapped and not
  /// copied; any other is converted once at load.
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;  ///< device of weights and activations
};

/// Keys and values of earlier positions (KV cache); each forward that uses it appends its own.
class LENSBENCH_API KeyValueCache {
 public:
  KeyValueCache();  ///< an empty cache
  ~KeyValueCache();
  KeyValueCache(KeyValueCache&&) noexcept;             ///< moves the contents
  KeyValueCache& operator=(KeyValueCache&&) noexcept;  ///< moves the contents

  /// Number of cached positions, padding included.
  std::int64_t length() const;

 private:
  friend struct CacheAccess;
  struct State;
  std::unique_ptr<State> state_;
};

/// Part of a model that a forward runs, and its input.
struct ForwardOptions {
  /// Positions at which logits are computed.
  enum class Logits {
    none,  ///< no position; nothing after the blocks runs
    last,  ///< the last position; hook points after the blocks have one position
    all,   ///< every position
  };
  Logits logits = Logits::all;  ///< positions at which logits are computed

  /// Runs only blocks [start_at_layer, stop_at_layer), counted from 0. With a start, `residual`
  /// [batch, pos, d_model] is the input of that block; the tokens still give mask and positions.
  /// With a stop no logits are computed.
  std::int64_t start_at_layer = 0;
  at::Tensor residual = {};  ///< [batch, pos, d_model] input of block `start_at_layer`
  std::optional<std::int64_t> stop_at_layer = std::nullopt;  ///< first block that does not run

  /// Cache that the tokens continue and extend. A mask, if any, covers only the new positions.
  KeyValueCache* cache = nullptr;

  /// Cache of one sequence whose first `prefix_columns` columns precede the tokens in every row of
  /// the batch. It is only read, and a partial forward may use one. Excludes `cache` and a mask.
  const KeyValueCache* prefix = nullptr;
  std::int64_t prefix_columns = 0;  ///< number of columns of `prefix` in use

  /// Number of columns of the first forward of a sequence that grows over several, as in
  /// `generate`. Negative positions of interventions count from the end of those columns; if unset,
  /// from the end of this forward.
  std::optional<std::int64_t> prompt_length = std::nullopt;

  /// Records the autograd graph, so that logits and hooked activations can be differentiated.
  bool gradients = false;
};

/// Result of a forward.
struct ForwardOutput {
  at::Tensor logits;    ///< [batch, pos, vocab] ([batch, 1, vocab] for Logits::last); or undefined
  at::Tensor residual;  ///< [batch, pos, d_model] residual stream after the last block run
};

/// Map from the normalised residual to logits: softcap(logit_scale * (x · weightᵀ + bias)).
struct Unembedding {
  at::Tensor weight;  ///< [vocab, d_model or the embedding's own width], in the model's dtype
  at::Tensor bias;    ///< [vocab] or undefined
  double logit_scale = 1.0;    ///< factor, before the softcap
  double logit_softcap = 0.0;  ///< 0: none
};

/// A transformer read from a Hugging Face checkpoint. Immutable once open; `forward` may be called
/// from several threads.
class LENSBENCH_API Model {
 public:
  /// Opens a checkpoint.
  /// \param path_or_name  a model directory, or a hub name (`openai-community/gpt2`) that is in the
  ///   local hub cache
  /// \param options  element type and device
  /// \throws InputError naming file and field or tensor for anything missing, malformed,
  ///   unsupported or mismatched
  static std::shared_ptr<const Model> open(const std::string& path_or_name,
                                           const ModelOptions& options = {});

  virtual ~Model();

  virtual const TransformerSpec& spec() const = 0;             ///< description of the architecture
  virtual const ModelOptions& options() const = 0;             ///< settings it was opened with
  virtual const std::filesystem::path& directory() const = 0;  ///< directory it was read from
  /// Every file that was read; weights come last.
  virtual std::vector<ModelFile> files() const = 0;
  /// Tokenizer of the checkpoint; nullptr if it has none.
  virtual std::shared_ptr<const Tokenizer> tokenizer() const = 0;
  /// End-of-sequence ids: `eos_token_id` of generation_config.json, else of config.json; may be
  /// empty.
  virtual std::vector<std::int64_t> end_of_sequence_ids() const = 0;

  /// Runs the model, or the part of it that `options` selects.
  /// \param tokens   the sequences, one for each row
  /// \param options  the part to run and the logits to compute
  /// \param hooks    activations to read and to replace
  /// \throws InputError for more positions than the model has
  /// \throws UsageError for ids outside the vocabulary, a hook name without a match, a hook
  ///   that this forward never reaches, a replacement of another shape
  virtual ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options = {},
                                const Hooks& hooks = {}) const = 0;

  /// Checks, when `generate` has finished a sequence, that every intervention took effect.
  /// \param positions  number of tokens of the sequence that were run
  /// \throws UsageError if an intervention never took effect
  virtual void check_reached(std::int64_t positions) const;

  /// Everything between the residual stream and the unembedding: the final norm, with statistics of
  /// this residual; for a masked-language model the whole transform of its prediction head; then
  /// the projection to the unembedding's width where that is not d_model (OPT-350m).
  /// \param residual [..., d_model]
  /// \return [..., width of the unembedding, mostly d_model]
  virtual at::Tensor final_norm(const at::Tensor& residual) const = 0;
  /// Logits [..., vocab] float32 of a result of `final_norm`, with scale and softcap applied.
  virtual at::Tensor unembed(const at::Tensor& normalized) const = 0;
  virtual const Unembedding& unembedding() const = 0;  ///< parameters of `unembed`; change copies

  /// A weight by its TransformerLens name, in the right-multiplying form:
  ///
  /// - `embed.W_E` [vocab, d_model], `pos_embed.W_pos` [pos, d_model]
  /// - in `blocks.{l}.attn.`: `W_Q`, `W_K`, `W_V` [head, d_model, d_head]; `W_O` [head, d_head,
  ///   d_model]; `b_Q`, `b_K`, `b_V` [head, d_head]; `b_O` [d_model]; `q_norm.w`, `q_norm.b`,
  ///   `k_norm.w`, `k_norm.b` [d_head], [head, d_head] or [head * d_head]
  /// - in `blocks.{l}.mlp.`: `W_in`, `W_gate` [d_model, d_mlp]; `W_out` [d_mlp, d_model]; `b_in`
  ///   [d_mlp]; `b_out` [d_model]. In a mixture of experts `W_gate` [d_model, expert] is the router
  ///   and `experts.{e}.W_in`, `.W_gate`, `.W_out` are one expert's; where the family has them,
  ///   `b_gate` [expert], `experts.{e}.b_in` and so on, and `shared_expert.W_in` and so on with
  ///   `shared_expert_gate.W` [d_model, 1]; in `blocks.{l}.attn.` `sinks` [head]
  /// - of latent attention, in place of `W_Q`, `W_K`, `W_V`: `q_a_proj.W`, `q_a_layernorm.w`,
  ///   `q_b_proj.W` (or `q_proj.W`), `kv_a_proj_with_mqa.W`, `kv_a_layernorm.w`, `kv_b_proj.W`,
  ///   biases `.b`, all [in, out]; in `blocks.{l}.mlp.` `router_correction` [expert]
  /// - in `blocks.{l}.`: `ln1.w`, `ln1.b`, and so `ln2`, `ln1_post`, `ln2_post`; `ln_final.w`,
  ///   `ln_final.b` [d_model]
  /// - where the family has them `embed.ln.w`, `embed.ln.b`, `embed.token_type_embed.W_token_type`
  ///   [type, d_model], `mlm_head.W` [d_model, d_model], `mlm_head.b`, and the projections of an
  ///   embedding of another width `embed.W_proj` [width, d_model], `unembed.W_proj` [d_model,
  ///   width]
  /// - of a vision tower `vision_encoder.patch_embed.W` [patch value, d_vision], the names of a
  ///   block of the model below `vision_encoder.blocks.{l}.`, and of the merger
  ///   `vision_projector.ln.w`, `.ln.b` [d_vision], `.W_in` [patches of a token * d_vision, the
  ///   same], `.b_in`, `.W_out` [the same, d_model], `.b_out`
  ///
  /// Gains of norms are as applied; float32 where the file stores them minus one. The tensor is a
  /// view of memory that all tools share: change a copy. Undefined for a bias the model lacks.
  /// \throws UsageError for a name that this model does not have
  virtual at::Tensor weight(std::string_view name) const = 0;
};

/// Names of the model families that this build can open (`gpt2`, `llama`, …).
LENSBENCH_API std::vector<std::string> model_families();

}  // namespace lensbench
