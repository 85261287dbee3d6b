#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model_file.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokenizer.hpp>
#include <lensbench/tokens.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// How a model is opened.
struct ModelOptions {
  /// Element type of weights and activations. A checkpoint in this type is used where it lies
  /// (mapped, not copied); another is converted once at load.
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;  ///< where weights and activations are
};

/// Keys and values of the positions already seen, grown by each forward that is given it.
class LENSBENCH_API KeyValueCache {
 public:
  KeyValueCache();  ///< holds nothing yet
  ~KeyValueCache();
  KeyValueCache(KeyValueCache&&) noexcept;             ///< takes over what the other holds
  KeyValueCache& operator=(KeyValueCache&&) noexcept;  ///< takes over what the other holds

  /// Positions held, padding included.
  std::int64_t length() const;

  struct State;                                   ///< the forward's own
  State& state() { return *state_; }              ///< for the forward
  const State& state() const { return *state_; }  ///< for the forward

 private:
  std::unique_ptr<State> state_;
};

/// What part of a model runs, and on what.
struct ForwardOptions {
  /// At which positions logits are made.
  enum class Logits {
    none,  ///< at none; nothing after the blocks runs
    last,  ///< at the last; points after the blocks have one position
    all,   ///< at every one
  };
  Logits logits = Logits::all;  ///< at which positions logits are made

  /// Runs blocks [start_at_layer, stop_at_layer) only. With a start, `residual`
  /// [batch, pos, d_model] is the input of that block (and the tokens give mask and positions).
  /// With a stop there are no logits.
  std::int64_t start_at_layer = 0;
  at::Tensor residual = {};  ///< [batch, pos, d_model] input of block `start_at_layer`
  std::optional<std::int64_t> stop_at_layer = std::nullopt;  ///< first block that does not run

  /// Tokens continue what the cache holds. The mask, if any, covers the new positions.
  KeyValueCache* cache = nullptr;

  /// What this forward's tokens follow: the first `prefix_columns` columns that this cache holds,
  /// of one sequence, for every row of the batch. It is read only, and a partial forward may have
  /// one. Not together with `cache` or a mask.
  const KeyValueCache* prefix = nullptr;
  std::int64_t prefix_columns = 0;  ///< columns of `prefix` that are followed

  /// For a sequence that grows over several forwards, as `generate` does: how many columns its
  /// first one had. Negative positions of interventions count from their end. Without it they count
  /// from the end of this forward.
  std::optional<std::int64_t> prompt_length = std::nullopt;

  /// Record the graph, so that logits and hooked activations can be differentiated.
  bool gradients = false;
};

/// What a forward gives.
struct ForwardOutput {
  at::Tensor logits;    ///< [batch, pos, vocab] ([batch, 1, vocab] for Logits::last); or undefined
  at::Tensor residual;  ///< [batch, pos, d_model] stream after the last block that ran
};

/// From the normalised residual to logits: softcap(logit_scale * (x · weightᵀ + bias)).
struct Unembedding {
  at::Tensor weight;  ///< [vocab, d_model or the embedding's own width], in the model's dtype
  at::Tensor bias;    ///< [vocab] or undefined
  double logit_scale = 1.0;    ///< multiplies, before the softcap
  double logit_softcap = 0.0;  ///< 0: none
};

/// A transformer read from a Hugging Face checkpoint. Immutable once open; `forward` may be called
/// from several threads.
class LENSBENCH_API Model {
 public:
  /// \param path_or_name  a model directory, or a hub name (`openai-community/gpt2`) that is in the
  ///   local hub cache
  /// \param options  element type and device
  /// \throws InputError naming file and field or tensor for anything missing, malformed,
  ///   unsupported or mismatched
  static std::shared_ptr<const Model> open(const std::string& path_or_name,
                                           const ModelOptions& options = {});

  virtual ~Model();

  virtual const TransformerSpec& spec() const = 0;             ///< what the model is
  virtual const ModelOptions& options() const = 0;             ///< how it was opened
  virtual const std::filesystem::path& directory() const = 0;  ///< where it was read from
  /// Every file that was read, weights last.
  virtual std::vector<ModelFile> files() const = 0;
  /// nullptr for a checkpoint without one.
  virtual std::shared_ptr<const Tokenizer> tokenizer() const = 0;
  /// `eos_token_id` of generation_config.json, else of config.json; may be empty.
  virtual std::vector<std::int64_t> end_of_sequence_ids() const = 0;

  /// Runs the model, or the part of it that `options` say.
  /// \param tokens   the sequences, each its own row
  /// \param options  what part runs, and which logits are made
  /// \param hooks    what to read and replace on the way
  /// \throws InputError for more positions than the model has
  /// \throws UsageError for ids outside the vocabulary, a hook name that matches nothing, a hook
  ///   that this forward would never reach, a replacement of another shape
  virtual ForwardOutput forward(const TokenBatch& tokens, const ForwardOptions& options = {},
                                const Hooks& hooks = {}) const = 0;

  /// `generate` calls this when a sequence has come to its end.
  /// \param positions  how many of its tokens were run
  /// \throws UsageError if what was asked of this model (an intervention) never happened
  virtual void check_reached(std::int64_t positions) const;

  /// All between the residual stream and the unembedding: the final norm, with statistics of this
  /// residual; for a masked-language model its whole prediction-head transform; with the projection
  /// to the unembedding's width where it has another (OPT-350m).
  /// \param residual [..., d_model] \return [..., width of the unembedding, mostly d_model]
  virtual at::Tensor final_norm(const at::Tensor& residual) const = 0;
  /// Logits of what `final_norm` gives: -> [..., vocab] float32, scale and softcap applied.
  virtual at::Tensor unembed(const at::Tensor& normalized) const = 0;
  virtual const Unembedding& unembedding() const = 0;  ///< what `unembed` applies

  /// A weight in the right-multiplying form and under the name of TransformerLens:
  ///
  /// - `embed.W_E` [vocab, d_model], `pos_embed.W_pos` [pos, d_model]
  /// - in `blocks.{l}.attn.`: `W_Q`, `W_K`, `W_V` [head, d_model, d_head]; `W_O` [head, d_head,
  ///   d_model]; `b_Q`, `b_K`, `b_V` [head, d_head]; `b_O` [d_model]; `q_norm.w`, `q_norm.b`,
  ///   `k_norm.w`, `k_norm.b` [d_head], [head, d_head] or [head * d_head]
  /// - in `blocks.{l}.mlp.`: `W_in`, `W_gate` [d_model, d_mlp]; `W_out` [d_mlp, d_model]; `b_in`
  ///   [d_mlp]; `b_out` [d_model]. In a mixture of experts `W_gate` [d_model, expert] is the router
  ///   and `experts.{e}.W_in`, `.W_gate`, `.W_out` are one expert's
  /// - in `blocks.{l}.`: `ln1.w`, `ln1.b`, and so `ln2`, `ln1_post`, `ln2_post`; `ln_final.w`,
  ///   `ln_final.b` [d_model]
  /// - where the family has them `embed.ln.w`, `embed.ln.b`, `embed.token_type_embed.W_token_type`
  ///   [type, d_model], `mlm_head.W` [d_model, d_model], `mlm_head.b`, and the projections of an
  ///   embedding of its own width `embed.W_proj` [width, d_model], `unembed.W_proj` [d_model,
  ///   width]
  ///
  /// Gains of norms are as applied, float32 where the file has them less one.
  /// A view where the layout allows. Undefined for a bias the model does not have.
  /// \throws UsageError for a name this model has no place for
  virtual at::Tensor weight(std::string_view name) const = 0;
};

/// Runs once and keeps what was asked for.
/// \param model    the model to run
/// \param tokens   the batch to run it on
/// \param globs    hook names or globs
/// \param options  what part of the model runs
/// \return name -> activation, shapes as in `hook_points`
LENSBENCH_API std::map<std::string, at::Tensor> run_with_cache(
    const Model& model, const TokenBatch& tokens, const std::vector<std::string>& globs,
    ForwardOptions options = {});

/// Tokens of a prompt.
/// \throws UsageError if the model has no tokenizer or the text gives no token
/// \throws InputError for a tokenizer that cannot be read, or gives an id the embedding has not
LENSBENCH_API Tokens tokenize(const Model& model, std::string_view text,
                              bool add_special_tokens = true);
/// Ids as they are, nothing added. \throws UsageError for an id outside the vocabulary.
LENSBENCH_API Tokens tokens_from_ids(const Model& model, std::vector<std::int64_t> ids);

/// Model families this build can open (`gpt2`, `llama`, …).
LENSBENCH_API std::vector<std::string> model_families();

}  // namespace lensbench
