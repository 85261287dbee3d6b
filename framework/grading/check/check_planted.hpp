#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "grading/exact/exact_model.hpp"
#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// A number of a truth that the checkpoint does not have.
struct WrongNumber {
  std::string field;                  ///< `tasks[key_swap].effects.values.total`
  std::string item;                   ///< component, edge, layer or head; may be empty
  std::optional<std::size_t> prompt;  ///< index, where the number is one of a prompt
  double found = 0;                   ///< computed from the checkpoint
  double stated = 0;                  ///< in truth.json
};

/// `tasks[key_swap].effects.values.total, component L1H1, prompt 3: found 1.5, stated 1.25`.
std::string describe(const WrongNumber& number);

/// Result of `check_planted`.
struct CheckedTruth {
  std::size_t numbers = 0;         ///< compared
  std::vector<WrongNumber> wrong;  ///< beyond the tolerance
  double largest_share = 0;        ///< largest difference divided by its tolerance
};

/// Computes every number of a truth that follows from the checkpoint again, in float64: metric,
/// effects, effects of neurons, edges, readout, restored shares, distributions, attention,
/// embeddings of features; and checks that members have an effect and other components none. What a
/// truth leaves out is not checked.
///
/// A number may differ by 1e-4 of the gap and by half a unit of its last stored digit (five digits,
/// four for edges). Probabilities, shares, attention and nats may differ by 1e-4.
/// \throws InputError for a family whose truth cannot be computed
CheckedTruth check_planted(const Truth& truth, const ExactModel& model);

}  // namespace lensbench::grading
