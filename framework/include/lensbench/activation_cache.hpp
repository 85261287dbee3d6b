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
  at::Tensor values;                ///< [component, batch, pos, d_model]
};

/// Activations of one forward at the hook points that match some globs.
class LENSBENCH_API ActivationCache {
 public:
  /// Runs the model once and keeps the requested activations.
  /// \param model    the model to run
  /// \param tokens   the batch to run it on
  /// \param globs    names or globs of the hook points to keep
  /// \param options  where they are kept, and in which precision
  /// \param forward  the part of the model to run
  /// \param hooks    further readers and replacements, which run before the cache reads
  /// \throws UsageError as `Model::forward`; RunError if the temporary file cannot be written
  ActivationCache(const Model& model, const TokenBatch& tokens,
                  const std::vector<std::string>& globs, ActivationCacheOptions options = {},
                  const ForwardOptions& forward = {}, const Hooks& hooks = {});
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
  const std::vector<std::string>& names() const;

  std::int64_t held_bytes() const;      ///< bytes in memory
  std::int64_t spilled_bytes() const;   ///< bytes in the temporary file
  const ForwardOutput& output() const;  ///< output of the forward that filled the cache

  // The stacks below cover the layers below `layer` (-1: all). Each needs its hook points in the
  // cache and throws a UsageError that names the first missing one.

  /// The residual stream before each block and, for all layers, after the last: labels `0_pre`,
  /// `0_mid` (only with `mid`), `1_pre`, …, `final_post`.
  LabelledStack accumulated_residual(std::int64_t layer = -1, bool mid = false) const;

  /// Terms whose sum is the residual stream: `embed`, `pos_embed`, `0_attn_out`, `0_mlp_out`, ….
  /// With `by_head` the attention outputs are replaced by `L0H0`, … and a last term `bias`, the sum
  /// of the output biases of attention.
  /// \throws UsageError for a model whose stream is not such a sum (norms after the addition, or,
  ///   by head, after the sublayer)
  LabelledStack decomposed_residual(std::int64_t layer = -1, bool by_head = false) const;

  /// Output of each attention head before the output bias: `L0H0`, `L0H1`, …
  LabelledStack head_results(std::int64_t layer = -1) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
