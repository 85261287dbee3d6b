#pragma once

#include <cstdint>
#include <lensbench/tool.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// One labelled text.
struct ProbeExample {
  Tokens tokens;           ///< the text
  std::string label = {};  ///< its label; labels that are all whole numbers are sorted as numbers
  /// Examples of one group are never on both sides of a split; empty: those of equal tokens.
  std::string group = {};
  /// Name that an example shares with the one of the other label; empty: it does not have one. A
  /// pair is a group, where no group is given.
  std::string pair = {};
  /// Position that is read with `position` = `marker`; negative ones count from the end.
  std::optional<std::int64_t> position = std::nullopt;
};

/// What is fitted, and how.
struct ProbeOptions {
  std::vector<std::string> hooks = {"blocks.*.hook_resid_post"};  ///< points, as `Parameters` reads
  std::string position = "last";  ///< last, first, mean, marker, or an index
  std::string kind = "logistic";  ///< logistic, ridge, mean_difference, mass_mean or sparse
  std::int64_t folds = 5;         ///< parts, each of which is held out once
  std::vector<double> lambdas = {0.01, 0.1, 1, 10, 100};  ///< penalties that are tried
  std::int64_t sparse_k = 16;                             ///< coordinates of a sparse probe
  /// Any of shuffled, random_type, majority, input.
  std::vector<std::string> controls = {"shuffled", "random_type", "majority", "input"};
  bool standardize = true;  ///< scale coordinates by the rows that are fitted
  bool neurons = false;     ///< also measure every neuron alone
};

/// Fits linear probes of a property to activations and measures on held-out rows how well it can be
/// read off, with controls (Hewitt and Liang, arXiv:1909.03368; Belinkov, arXiv:2102.12452).
class LENSBENCH_API Probe : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "1";

  /// Fits a probe at each point. An interrupted fit of the same case goes on after its last point.
  ///
  /// - `accuracy`, `balanced_accuracy`, `auroc`, `log_loss` [point, fold], of held-out rows, and
  ///   `accuracy_interval` and so on [bound, point]; `control_accuracy` [control, point, fold];
  ///   `selectivity` [point], `selectivity_interval`.
  /// - `direction` [point, d_model] with `direction_norm`, `intercept` [point], of all rows, toward
  ///   the larger label; `direction_cosine` [point, other_point]. With more than two labels
  ///   `class_direction` [point, class, d_model], `class_intercept` [point, class] instead.
  /// - `score` [point, example] (two labels), `predicted` [point, example], each row held out;
  ///   `label`, `fold_of`, `group` [example].
  /// - `inner_accuracy`, `lambda` [point, fold]; `selected_point`, `selected_accuracy` [fold]: the
  ///   best point by inner splits, and its accuracy on the fold that was not used to choose it.
  /// - with `neurons`: `neuron_auroc`, `neuron_effect_size` [block, neuron].
  /// \param examples  at least two labels, each in at least two groups
  /// \param options   settings of the fit
  /// \throws UsageError for examples that cannot be split, positions outside of an example, points
  ///   without the axis `pos` or of different widths, or an option out of range
  /// \throws RunError if the run is cancelled, or an activation is not finite
  virtual Dataset fit(const std::vector<ProbeExample>& examples,
                      const ProbeOptions& options = {}) = 0;

  /// Reads examples from JSONL, one object in each line: `text` or `ids`, `label`, and where needed
  /// `group`, `position`, `pair`.
  /// \throws InputError with file, line and field for anything else
  virtual std::vector<ProbeExample> read(const std::string& file) const = 0;
};

}  // namespace lensbench
