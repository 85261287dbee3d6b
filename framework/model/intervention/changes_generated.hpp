#pragma once

#include <cstdint>

namespace lensbench {

/// A model with changes that may be meant for generated tokens alone.
class ChangesGenerated {
 public:
  virtual ~ChangesGenerated() = default;

  /// Checks, when a sequence has been generated, that a change of generated tokens took effect.
  /// \param prompt     number of tokens of the prompt
  /// \param positions  number of tokens that were run, those of the prompt included
  /// \throws UsageError if it did not
  virtual void check_generated(std::int64_t prompt, std::int64_t positions) const = 0;
};

}  // namespace lensbench
