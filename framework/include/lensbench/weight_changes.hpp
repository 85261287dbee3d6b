#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>
#include <vector>

namespace lensbench {

/// A weight with another value. Like an intervention it is a value: it can be kept, and
/// `weight_changes_to_json` describes it in a result.
struct WeightChange {
  std::string name;  ///< name that `Model::weight` accepts: `blocks.1.attn.W_O`
  at::Tensor value;  ///< the whole weight, of the shape that `Model::weight` gives
};

/// A view of a model in which a few weights are replaced. Only the tensors that hold them are
/// copied; all others are those of `model`, which stays as it is. Values are converted to the type
/// and device of the model.
///
/// Where a checkpoint stores one tensor for two names, both change: with tied embeddings
/// `embed.W_E` and `unembed.W_U`. Interventions of `model` stay and act on the changed weights;
/// activations that they took from other sequences stay as they are.
/// \param model    the model
/// \param changes  replacements; a later one of a name wins
/// \return `model` itself if there are none
/// \throws UsageError for a name that the model lacks, a bias that it does not have, another
///   shape, values that are not finite in the model's type, or a model of another implementation
LENSBENCH_API std::shared_ptr<const Model> with_weights(const std::shared_ptr<const Model>& model,
                                                        const std::vector<WeightChange>& changes);

/// Weights in which a model differs from its files, in the order of the changes.
LENSBENCH_API std::vector<WeightChange> weight_changes(const Model& model);

/// Changes as a JSON list for an attribute of a result:
/// `[{"weight": "blocks.1.attn.W_O", "shape": [4, 32, 128], "sha256": "…"}]`. The digest is that of
/// the values as float32, little-endian, in C order.
LENSBENCH_API std::string weight_changes_to_json(const std::vector<WeightChange>& changes);

}  // namespace lensbench
