#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// How much of a cache lies where.
struct ActivationCacheOptions {
  /// Most that is held in memory, in bytes; what comes after lies in a temporary file, which has no
  /// name and goes with the cache.
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  /// Keeps floats as float16, in half the bytes of float32. \throws UsageError, when it fills, for
  /// a finite value beyond 65504
  bool float16 = false;
  std::filesystem::path folder = {};  ///< of the temporary file; empty: the system's
};

/// Activations stacked along a first axis, and what each is.
struct LabelledStack {
  std::vector<std::string> labels;  ///< one a component
  at::Tensor values;                ///< [component, batch, pos, d_model]
};

/// The activations of one forward that some globs ask for.
class LENSBENCH_API ActivationCache {
 public:
  /// Runs the forward.
  /// \param model    the model to run
  /// \param tokens   the batch to run it on
  /// \param globs    names or globs of the hook points to keep
  /// \param options  where they are kept, and in which precision
  /// \param forward  what part of the model runs
  /// \param hooks    what else it reads or replaces, before the cache reads
  /// \throws UsageError as `Model::forward`; RunError if the temporary file cannot be written
  ActivationCache(const Model& model, const TokenBatch& tokens,
                  const std::vector<std::string>& globs, ActivationCacheOptions options = {},
                  const ForwardOptions& forward = {}, const Hooks& hooks = {});
  ~ActivationCache();
  /// Takes over what the other holds.
  ActivationCache(ActivationCache&&) noexcept;
  /// Takes over what the other holds.
  ActivationCache& operator=(ActivationCache&&) noexcept;

  /// By name, alias or short name (`resid_post3`, `k6`); in the model's dtype again. From the file
  /// it is mapped, so that a large one takes memory only as it is read; it may outlive the cache.
  /// \throws UsageError for a name that is no single hook point, or was not asked for
  at::Tensor operator[](std::string_view name) const;
  /// True if a point of that name, alias or short name is held.
  bool contains(std::string_view name) const;
  /// In forward order.
  const std::vector<std::string>& names() const;

  std::int64_t held_bytes() const;      ///< in memory
  std::int64_t spilled_bytes() const;   ///< in the file
  const ForwardOutput& output() const;  ///< of the forward that filled the cache

  // Stacks, of layers below `layer` (-1: all). They need the points they are made of in the cache
  // and throw UsageError naming the first that is missing.

  /// The residual stream before each block and, for all layers, after the last: labels `0_pre`,
  /// `0_mid` (only with `mid`), `1_pre`, …, `final_post`.
  LabelledStack accumulated_residual(std::int64_t layer = -1, bool mid = false) const;

  /// What was added to the stream, which it is the sum of: `embed`, `pos_embed`, `0_attn_out`,
  /// `0_mlp_out`, …. By head: `L0H0`, … in place of the attention outputs, and `bias` at the end,
  /// the output biases of attention.
  /// \throws UsageError for a model whose stream is no such sum (norms after the addition, or, by
  ///   head, after the sublayer)
  LabelledStack decomposed_residual(std::int64_t layer = -1, bool by_head = false) const;

  /// What each head adds, before the bias: `L0H0`, `L0H1`, …
  LabelledStack head_results(std::int64_t layer = -1) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
