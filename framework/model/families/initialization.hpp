#pragma once

#include <cstdint>
#include <optional>

#include "checkpoint/config.hpp"
#include "model/weights/weight_sources.hpp"

namespace lensbench {

/// Values of a new tensor before training.
struct InitialValues {
  enum class Kind {
    zeros,
    ones,
    constant,    ///< `deviation` itself
    normal,      ///< normal with mean 0 and standard deviation `deviation`
    sinusoidal,  ///< position tables of DistilBERT: sin and cos of pos / 10000^(2 (j/2) / d)
  };
  Kind kind = Kind::normal;
  double deviation = 0.0;
  std::optional<std::int64_t> zero_row;  ///< row of the padding token in a table
};

/// Initial values like those of each family's reference in `transformers` (`_init_weights`).
class Initialization {
 public:
  /// \throws InputError that names a field of a configuration that does not describe a model
  Initialization(const TransformerSpec& spec, const ConfigReader& config);

  InitialValues values_of(const WeightSource& tensor) const;

  struct Rules;

 private:
  const Rules& rules_;
  bool norms_are_zero_;
  double deviation_, tower_deviation_, residual_deviation_;
  std::optional<std::int64_t> padding_;
  bool sinusoidal_;
};

}  // namespace lensbench
