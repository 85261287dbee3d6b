#pragma once

#include <cstdint>
#include <optional>

#include "checkpoint/config.hpp"
#include "model/weights/weight_sources.hpp"

namespace lensbench {

/// What a new tensor holds before any training.
struct InitialValues {
  enum class Kind {
    zeros,
    ones,
    normal,      ///< mean 0, `deviation`
    sinusoidal,  ///< position tables of DistilBERT: sin and cos of pos / 10000^(2 (j/2) / d)
  };
  Kind kind = Kind::normal;
  double deviation = 0.0;
  std::optional<std::int64_t> zero_row;  ///< of a table: the padding token's
};

/// How each family's reference in `transformers` (`_init_weights`) fills a new model.
class LENSBENCH_API Initialization {
 public:
  /// \throws InputError naming the field of a configuration that no model could be made of
  Initialization(const TransformerSpec& spec, const ConfigReader& config);

  InitialValues values_of(const PlannedTensor& tensor) const;

  struct Rules;

 private:
  const Rules& rules_;
  bool norms_are_zero_;
  double deviation_, residual_deviation_;
  std::optional<std::int64_t> padding_;
  bool sinusoidal_;
};

}  // namespace lensbench
