#pragma once

#include <lensbench/weight_changes.hpp>
#include <memory>
#include <vector>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Interface of models whose weights can be replaced.
class Reweighted {
 public:
  virtual const std::vector<WeightChange>& changes() const = 0;
  virtual std::shared_ptr<const Model> reweighted(
      const std::vector<WeightChange>& changes) const = 0;

 protected:
  ~Reweighted() = default;
};

/// Weights with some replaced. Tensors without a change are shared with `weights`.
/// \throws UsageError under the conditions of `with_weights`
ModelWeights changed_weights(const TransformerSpec& spec, ModelWeights weights,
                             const std::vector<WeightChange>& changes);

}  // namespace lensbench
