#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/families/family.hpp"

namespace lensbench {

/// A tensor that a checkpoint of some configuration has.
struct PlannedTensor {
  std::string name;        ///< as `save_pretrained` writes it
  std::string plain_name;  ///< without the family's optional prefix
  std::vector<std::int64_t> shape;
};

/// Every weight of a checkpoint that does not exist yet, found by asking the family where it would
/// take each from. A tied unembedding is no tensor of its own.
LENSBENCH_API std::vector<PlannedTensor> plan_weights(const Family& family,
                                                      const TransformerSpec& spec);

}  // namespace lensbench
