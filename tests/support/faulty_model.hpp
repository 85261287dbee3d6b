#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>

// Models that compute something else than they should, so that each receipt of a tool can be seen
// to fail for the fault that it names.

namespace lensbench::testing {

/// A forward that a model was asked for.
struct AskedForward {
  AskedForward(const TokenBatch& tokens, const ForwardOptions& options, const Hooks& hooks);

  bool in_a_batch;  ///< several sequences
  bool continues;   ///< after a key-value cache or a prefix
  bool is_partial;  ///< not all blocks
  bool replaces;    ///< changes an activation
};

/// Faults of a model; those that are empty are absent.
struct Faults {
  /// Makes the last stream of a forward, from which its logits follow.
  std::function<at::Tensor(const at::Tensor& right, const AskedForward& asked)> stream;
  /// Makes what readers of activations see; an undefined tensor: what is right.
  HookReplacer read;
  /// Makes what a replacement of an activation does, except in forwards for gradients, whose hooks
  /// connect the graph.
  std::function<HookReplacer(const HookReplacer& right)> replacement;
  /// Makes the weight of a name.
  std::function<at::Tensor(const std::string& name, const at::Tensor& right)> weight;
};

/// The model with these faults, also after changes of its weights.
std::shared_ptr<const Model> faulty(std::shared_ptr<const Model> model, Faults faults);

/// Numbers that are off by about a hundredth, in length and in direction.
at::Tensor slightly_off(const at::Tensor& right);
/// The last stream is slightly off in the forwards that `which` chooses.
Faults off_where(std::function<bool(const AskedForward&)> which);
/// The last stream is slightly off in each forward but the first, and by another number each time.
Faults never_twice_the_same();
/// Replacements of activations act on nothing.
Faults deaf();
/// Each replacement of an activation acts on its own result once more.
Faults acting_twice();

}  // namespace lensbench::testing
