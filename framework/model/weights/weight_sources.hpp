#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/families/family.hpp"

namespace lensbench {

/// A stored tensor that a model's weights come from.
struct WeightSource {
  std::string name;        ///< name that `save_pretrained` writes
  std::string plain_name;  ///< name without the family's optional prefix
  std::vector<std::int64_t> shape;
};

/// All stored tensors of a configuration, found by running the family's `take_weights` without a
/// checkpoint. A tied unembedding is not a separate tensor.
/// \param settings  `Family::settings` of the configuration
std::vector<WeightSource> weight_sources(const Family& family, const TransformerSpec& spec,
                                         const FamilySettings& settings = {});

}  // namespace lensbench
