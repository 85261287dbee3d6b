#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Notices operations of libtorch that write into weights or into views of them, by the counters of
/// versions that a tensor and its views share. Writes through raw pointers do not count; into
/// mapped files they end the process, since the files are mapped without permission to write.
class WeightVersions {
 public:
  /// \param weights  weights that nothing changes from now on
  explicit WeightVersions(ModelWeights weights);

  /// The parts of the model with a weight that was changed since, such as `block 3`; usually none.
  /// Some nanoseconds a tensor.
  std::vector<std::string> changed_parts() const;

 private:
  struct Part {
    std::vector<at::Tensor> tensors;
    std::uint64_t version;  ///< sum over the tensors; a counter never decreases
  };
  static std::uint64_t version_of(const std::vector<at::Tensor>& tensors);
  std::string name_of(std::size_t part) const;

  std::vector<Part> parts_;  ///< outside of the blocks, the blocks, the vision tower
};

/// Interface of models whose weights tools can reach.
class LendsWeights {
 public:
  /// Parts that changed since the model was opened, as `WeightVersions::changed_parts` names them.
  virtual std::vector<std::string> changed_parts() const = 0;

 protected:
  ~LendsWeights() = default;
};

/// Parts of a model with a weight that was changed in place; none for a model without weights.
std::vector<std::string> changed_parts_of(const Model& model);

}  // namespace lensbench
