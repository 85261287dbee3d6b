#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Two prompts, and what a high-level model answers to the first one if one of its variables has
/// the value that it has in the second.
struct InterchangePair {
  Tokens base;                ///< prompt that is changed
  Tokens source;              ///< prompt from which the subspace comes
  std::int64_t expected = 0;  ///< token that is the answer
  /// Name of the variable's value in the source; empty: the expected token.
  std::string value = {};
  /// Part of the pair; unset: pairs are split by their prompts. Either all pairs have one, or none.
  std::optional<bool> in_test = std::nullopt;
};

/// Subspaces, places, and controls.
struct InterchangeOptions {
  /// Any of mean_difference, probe, neurons, principal, das, random.
  std::vector<std::string> basis = {"mean_difference"};
  std::int64_t rank = 1;  ///< dimensions of each subspace
  /// Hook points, as `Parameters` reads them, one for each block.
  std::vector<std::string> hook = {"blocks.*.hook_resid_post"};
  std::vector<std::int64_t> layers = {};      ///< blocks; empty: all that the hook points have
  std::vector<std::int64_t> position = {-1};  ///< in both prompts; negative: from their ends
  std::string probe = {};                     ///< file of directions for the basis `probe`
  std::vector<std::int64_t> neurons = {};     ///< coordinates for the basis `neurons`
  double strength = 1.0;                      ///< factor of the change, not 0
  std::int64_t steps = 200;                   ///< steps of a training of `das`, at most 1,000,000
  double learning_rate = 0.005;  ///< first rate of Adam in that training; it falls linearly to 0
  /// Any of placebo, random_basis, arbitrary_labels, random_weights, at least one. The placebo
  /// moves each activation as far as the exchange does, within the subspace of random_basis.
  std::vector<std::string> controls = {"placebo", "random_basis", "arbitrary_labels",
                                       "random_weights"};
};

/// Exchanges a subspace of an activation between two prompts and counts how often the model then
/// gives the answer of a high-level model (Geiger et al., arXiv:2106.02997 and arXiv:2303.02536),
/// next to the same with subspaces, labels and weights that mean nothing (Arora et al.,
/// arXiv:2402.12560).
class LENSBENCH_API Interchange : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Fits subspaces on the training pairs and exchanges them on the test pairs:
  /// h' = h_base + strength (h_source - h_base) B Bᵀ, with orthonormal columns of B. An interrupted
  /// measurement of the same case goes on after its last place.
  ///
  /// - `accuracy`, `margin`, `train_accuracy` [layer, position, basis]: share of pairs whose
  /// largest
  ///   logit at the last position is that of the expected token, and mean of that logit minus the
  ///   largest other one; `control_accuracy`, `control_margin` [layer, position, basis, control];
  ///   `side_by_side` [layer, run, basis, position]: accuracy and that of the controls.
  /// - `whole_accuracy` [layer, position]: with the whole activation of the source;
  ///   `base_accuracy` []: without a change.
  /// - `basis_vectors` [layer, position, basis, rank, d_model]; `training_loss` [step, layer,
  ///   position] of `das`, nats.
  /// - `answer_id` [layer, position, basis, pair], `base_answer_id`, `expected_id`,
  ///   `arbitrary_id` [pair] int32; `part` [pair] int8 (0: training, 1: test, -1: left out, since
  ///   its prompts are on both sides).
  /// \param pairs    pairs that can be split so that both parts have some
  /// \param options  subspaces, places, controls
  /// \throws UsageError for pairs that cannot be split, a position outside of a prompt, a rank that
  ///   a basis does not have, or an option out of range; InputError for a file of directions that
  ///   cannot be read
  /// \throws RunError if the run is cancelled, or an activation or a loss is not finite
  virtual Dataset exchange(const std::vector<InterchangePair>& pairs,
                           const InterchangeOptions& options = {}) = 0;

  /// Reads pairs from JSONL, one object in each line: `base` or `base_ids`, `source` or
  /// `source_ids`, `expected` (the text of one token, or its id), and where needed `value` and
  /// `part` (`train` or `test`).
  /// \throws InputError with file, line and field for anything else
  virtual std::vector<InterchangePair> read(const std::string& file) const = 0;
};

}  // namespace lensbench
