#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace lensbench {

/// Selection on one axis, as TransformerLens `Slice`. Negative numbers count from the end of the
/// axis. On the axis `pos` they count columns of the batch, padding included.
class LENSBENCH_API Slice {
 public:
  Slice() = default;          ///< the whole axis
  Slice(std::int64_t index);  ///< one index; the axis disappears
  /// Indices begin, begin + step, … below `end`: `{1, 4}` is 1:4 in Python.
  /// An `end` beyond the axis is its end.
  Slice(std::int64_t begin, std::int64_t end, std::int64_t step = 1);
  Slice(std::vector<std::int64_t> indices);  ///< the given indices in the given order

  /// The selected part of a tensor.
  /// \param x    the tensor
  /// \param dim  axis, negative ones count from the last
  /// \throws UsageError for an index outside the axis or a step below 1
  at::Tensor apply(const at::Tensor& x, std::int64_t dim) const;
  /// True for a single index, which removes its axis.
  bool is_index() const { return kind_ == Kind::index; }

 private:
  enum class Kind { all, index, range, list };
  Kind kind_ = Kind::all;
  std::int64_t begin_ = 0, end_ = 0, step_ = 1;
  std::vector<std::int64_t> indices_;
};

/// Location and precision of the activations in a cache.
struct ActivationCacheOptions {
  /// Most bytes held in memory. Activations beyond that go to an unnamed temporary file, which is
  /// deleted with the cache.
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  /// Keeps floats as float16, in half the bytes of float32. While the cache fills, a finite value
  /// beyond 65504 is a UsageError.
  bool float16 = false;
  std::filesystem::path folder = {};  ///< folder of the temporary file; empty: the system's
};

/// Activations stacked along a first axis, each with a label.
struct LabelledStack {
  std::vector<std::string> labels;  ///< one label for each component
  /// [component, batch, pos, d_model]; without `batch` after `remove_batch_dim`, without `pos`
  /// after a slice of one position.
  at::Tensor values;
};

/// One token for all rows and positions: its text (one token) or its id; or ids as a tensor:
/// [batch], one for each sequence; [pos], one for each position, if the length differs from the
/// batch size; or [batch, pos].
using TokenSelection = std::variant<std::string, std::int64_t, at::Tensor>;

/// Arguments of `ActivationCache::accumulated_resid`. A `layer` is here, and in the structs below,
/// the block whose input is meant, from 0 to n_layers; n_layers or -1 is the input of the final
/// norm.
struct AccumulatedResidOptions {
  std::int64_t layer = -1;  ///< last layer whose input is in the stack
  bool incl_mid = false;    ///< also the stream between attention and MLP of earlier blocks
  /// Applies the norm that reads the last of these streams: the final norm to each stream with
  /// its own statistics, gain and bias; or that of a block, as `apply_ln_to_stack`.
  bool apply_ln = false;
  Slice pos_slice = {};    ///< positions
  bool mlp_input = false;  ///< ends with the input of the MLP of block `layer`
};

/// Arguments of `ActivationCache::decompose_resid`.
struct DecomposeResidOptions {
  /// Sublayers whose outputs are in the stack.
  enum class Mode {
    all,   ///< attention and MLP
    mlp,   ///< MLP only
    attn,  ///< attention only
  };
  std::int64_t layer = -1;  ///< layer whose input is decomposed
  bool mlp_input = false;   ///< decomposes the input of the MLP of block `layer`
  Mode mode = Mode::all;    ///< sublayers in the stack
  bool apply_ln = false;    ///< divides by the norm that reads this stream (`apply_ln_to_stack`)
  Slice pos_slice = {};     ///< positions
  bool incl_embeds = true;  ///< also `embed` and `pos_embed`
};

/// Arguments of `ActivationCache::stack_head_results`.
struct StackHeadResultsOptions {
  std::int64_t layer = -1;      ///< heads of the blocks before this layer
  bool incl_remainder = false;  ///< a last component `remainder`, the rest of the stream
  Slice pos_slice = {};         ///< positions
  bool apply_ln = false;        ///< divides by the norm of `layer` (`apply_ln_to_stack`)
};

/// Arguments of `ActivationCache::stack_neuron_results`.
struct StackNeuronResultsOptions {
  std::int64_t layer = -1;      ///< neurons of the blocks before this layer
  Slice pos_slice = {};         ///< positions
  Slice neuron_slice = {};      ///< neurons of each MLP; one index selects one neuron
  bool incl_remainder = false;  ///< a last component `remainder`, the rest of the stream
  bool apply_ln = false;        ///< divides by the norm of `layer` (`apply_ln_to_stack`)
  /// [d_model] or [d_model, output]: every component is multiplied by it, and its axis `d_model`
  /// disappears or becomes `output`. The stack of all neurons is then never allocated.
  at::Tensor project_output_onto = {};
  bool mlp_input = false;  ///< remainder and norm are those of the input of the MLP of `layer`
};

/// Arguments of `ActivationCache::get_full_resid_decomposition`.
struct FullResidDecompositionOptions {
  std::int64_t layer = -1;              ///< layer whose input is decomposed
  bool mlp_input = false;               ///< decomposes the input of the MLP of block `layer`
  bool expand_neurons = true;           ///< neurons; false: one component for each MLP
  bool apply_ln = false;                ///< divides by the norm that reads this stream
  Slice pos_slice = {};                 ///< positions
  at::Tensor project_output_onto = {};  ///< see `StackNeuronResultsOptions`
};

/// Arguments of `ActivationCache::apply_ln_to_stack`.
struct ApplyLnOptions {
  std::int64_t layer = -1;    ///< layer whose norm is applied: `ln1`, or `ln_final` for n_layers
  bool mlp_input = false;     ///< `ln2` of block `layer`
  Slice pos_slice = {};       ///< positions that the stack has; already applied to the stack
  Slice batch_slice = {};     ///< sequences; applied to the stack and to the scale
  bool recompute_ln = false;  ///< computes the final norm with the statistics of each component
};

/// Arguments of `ActivationCache::logit_attrs`.
struct LogitAttrsOptions {
  Slice pos_slice = {};    ///< positions that the stack has; already applied to stack and tokens
  Slice batch_slice = {};  ///< sequences; applied to the stack, already applied to the tokens
};

struct CachedForward;

/// Activations of one forward, with the methods of TransformerLens `ActivationCache`: equal names,
/// arguments, order of components and labels. `run_with_cache` fills it. The model must outlive it.
///
/// The weights here are those of the checkpoint, as in a TransformerLens model without
/// `enable_compatibility_mode()`.
class LENSBENCH_API ActivationCache {
 public:
  /// Cache of activations that were read before.
  /// \param model          model that they were read from
  /// \param activations    hook point -> activation, shapes as in `hook_points`
  /// \param has_batch_dim  false: all of them lack the axis `batch`
  /// \throws UsageError for a name that is not the TransformerLens name of a hook point
  ActivationCache(const Model& model, std::map<std::string, at::Tensor> activations,
                  bool has_batch_dim = true);
  ~ActivationCache();
  /// Moves the activations of another cache into this one.
  ActivationCache(ActivationCache&&) noexcept;
  /// Moves the activations of another cache into this one.
  ActivationCache& operator=(ActivationCache&&) noexcept;

  /// One activation by name, alias or short name (`resid_post3`, `k6`), in the model's dtype. An
  /// activation in the temporary file is memory-mapped, so a large one takes memory only as it is
  /// read. The tensor may outlive the cache.
  /// \throws UsageError for a name that is not a single hook point or was not requested
  at::Tensor operator[](std::string_view name) const;
  /// True if the cache holds a hook point of that name, alias or short name.
  bool contains(std::string_view name) const;
  /// Names of the cached hook points, in forward order.
  const std::vector<std::string>& keys() const;
  /// Name and activation of every cached hook point, in the order of `keys`.
  std::vector<std::pair<std::string, at::Tensor>> items() const;

  std::int64_t held_bytes() const;     ///< bytes in memory
  std::int64_t spilled_bytes() const;  ///< bytes in the temporary file

  /// Removes the axis `batch` from every activation of a batch of one sequence. Does nothing if it
  /// was removed before. \return this cache \throws UsageError for a larger batch
  ActivationCache& remove_batch_dim();
  bool has_batch_dim() const;  ///< false after `remove_batch_dim`

  // The methods below need their hook points in the cache and throw a UsageError that names the
  // first missing one, or the reason why this model lacks it.

  /// The residual stream before each block and, for all layers, after the last: labels `0_pre`,
  /// `0_mid` (only with `incl_mid`), `1_pre`, …, `final_post`. `final_post` is what the unembedding
  /// reads, so the normalised stream where a block ends with a norm (BERT).
  /// Hook points: `resid_pre`, `resid_mid`, `resid_post`; for `apply_ln` of a block its norm's
  /// `hook_scale`.
  LabelledStack accumulated_resid(const AccumulatedResidOptions& options = {}) const;

  /// Terms whose sum is the residual stream: `embed`, `pos_embed`, `0_attn_out`, `0_mlp_out`, ….
  /// Hook points: `hook_embed`, `hook_pos_embed`, `attn_out`, `mlp_out`.
  /// \throws UsageError for a model that normalises its stream after each addition (BERT), whose
  ///   stream is not such a sum
  LabelledStack decompose_resid(const DecomposeResidOptions& options = {}) const;

  /// Output of each attention head before the output bias: `L0H0`, `L0H1`, …, scaled as it enters
  /// the stream. Taken from `attn.hook_result`, or computed from `attn.hook_z` where that is not
  /// cached. Layer 0 has no heads, so its `remainder` is the whole stream after the last block.
  LabelledStack stack_head_results(const StackHeadResultsOptions& options = {}) const;

  /// Output of each MLP neuron before the output bias: `L0N0`, `L0N1`, …, scaled as it enters the
  /// stream; computed from `mlp.hook_post`. Layer 0 has no neurons, so its `remainder` is the whole
  /// stream after the last block. \throws UsageError for a mixture of experts
  LabelledStack stack_neuron_results(const StackNeuronResultsOptions& options = {}) const;

  /// All terms of the residual stream in the order heads, neurons (or `0_mlp_out`, …), `embed`,
  /// `pos_embed`, `bias`; the last is the sum of the output biases of attention and, with neurons,
  /// of the MLPs. \throws UsageError for a model with a norm after its sublayers, whose stream is
  /// not such a sum
  LabelledStack get_full_resid_decomposition(
      const FullResidDecompositionOptions& options = {}) const;

  /// The norm that reads a layer's input, applied to parts of that input: each component minus its
  /// mean (LayerNorm only), divided by the norm's scale in this forward. Gain and bias are left
  /// out: with a TransformerLens model that folds its norms they are in the weights that follow.
  /// With `recompute_ln` the whole final norm, gain and bias included. A stack is returned
  /// unchanged for the final norm of a model without one.
  /// \param residual_stack  [component, batch, pos, d_model], axes as in `LabelledStack`
  /// \param options         which norm, at which positions
  /// \return float32 or the stack's own type if that is wider
  /// \throws UsageError if that norm does not read the stream (BERT, the blocks of OLMo 2)
  at::Tensor apply_ln_to_stack(const at::Tensor& residual_stack,
                               const ApplyLnOptions& options = {}) const;

  /// Part of each component in the logit of a token, or in the difference to the logit of another
  /// one: `apply_ln_to_stack` of the final norm, times the token's direction. The direction is its
  /// row of the unembedding times the gain of the final norm and the logit scale, which is the row
  /// after `fold_ln` in TransformerLens. Before any softcap; without the biases of final norm and
  /// unembedding.
  /// \param residual_stack    [component, batch, pos, d_model], axes as in `LabelledStack`
  /// \param tokens            token or tokens whose logit is explained
  /// \param incorrect_tokens  tokens whose logit is subtracted; unset: none
  /// \param options           positions and sequences that the stack has
  /// \return [component, batch, pos]
  /// \throws UsageError for a token outside the vocabulary, shapes of tokens that do not fit the
  ///   stack or each other, a masked-language model
  at::Tensor logit_attrs(const at::Tensor& residual_stack, const TokenSelection& tokens,
                         const std::optional<TokenSelection>& incorrect_tokens = std::nullopt,
                         const LogitAttrsOptions& options = {}) const;

 private:
  /// \cond
  friend CachedForward run_with_cache(const Model&, const TokenBatch&,
                                      const std::vector<std::string>&, const ForwardOptions&,
                                      const ActivationCacheOptions&, const Hooks&);
  /// \endcond
  struct State;
  explicit ActivationCache(std::unique_ptr<State> state);
  const Model& model() const;
  /// Outputs of the heads of one block, [..., pos, head, d_model], as they enter the stream.
  at::Tensor head_outputs(std::int64_t layer, const Slice& pos_slice) const;
  /// Stack of the right shape with 0 components.
  at::Tensor no_components(const Slice& pos_slice) const;
  std::unique_ptr<State> state_;
};

/// Result of `run_with_cache`: `auto [logits, cache] = run_with_cache(…);`.
struct CachedForward {
  at::Tensor logits;      ///< see `ForwardOutput::logits`
  ActivationCache cache;  ///< the requested activations
};

/// Runs the model once and keeps the activations of the requested hook points.
/// \param model    the model to run; must outlive the cache
/// \param tokens   the batch to run it on
/// \param names    names or globs of the hook points to keep; `*` keeps all, which for long prompts
///   is much: patterns and the per-head copies of the stream are among them
/// \param forward  the part of the model to run. With `gradients` the activations keep their graph
///   and are all held in memory in the model's dtype
/// \param options  where they are kept, and in which precision
/// \param hooks    further readers and replacements, which run before the cache reads
/// \throws UsageError as `Model::forward`; RunError if the temporary file cannot be written
LENSBENCH_API CachedForward run_with_cache(const Model& model, const TokenBatch& tokens,
                                           const std::vector<std::string>& names,
                                           const ForwardOptions& forward = {},
                                           const ActivationCacheOptions& options = {},
                                           const Hooks& hooks = {});

}  // namespace lensbench
