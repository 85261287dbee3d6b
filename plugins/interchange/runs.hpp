#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/model.hpp>
#include <vector>

#include "place_rows.hpp"
#include "plan.hpp"
#include "swap.hpp"

namespace lensbench::interchange {

/// Runs of some prompts in which rows at a place are changed. The blocks before it run once.
class BaseRuns {
 public:
  BaseRuns(const Model& model, const std::vector<Tokens>& prompts, const Place& place);

  /// Logits at the last position, [prompt, vocab] float32.
  /// \param changes  made one after another
  at::Tensor logits(const std::vector<RowChange>& changes = {}) const;

 private:
  const Model& model_;
  std::string point_;
  PlacedBatch batch_;
  ForwardOptions options_;
};

/// Answers to some runs.
struct Answers {
  at::Tensor ids;      ///< [run] int64, token with the largest logit
  at::Tensor margins;  ///< [run] float64, logit of the expected token minus the largest other one
  /// [run] float64, 1 where the expected token has the largest logit, alone
  at::Tensor right() const;
};
Answers answers_of(const at::Tensor& logits, const std::vector<std::int64_t>& expected);

/// An exchange in every one of some pairs.
struct Exchange {
  at::Tensor basis = {};               ///< [width, rank]; undefined: the whole activation
  std::vector<std::int64_t> expected;  ///< [pair] token that is right
  /// [width, rank] of a placebo, which moves as far within this subspace; undefined: no placebo
  at::Tensor elsewhere = {};
};

/// What an exchange gave.
struct Exchanged {
  at::Tensor right, margins;  ///< [pair] float64
  at::Tensor ids;             ///< [pair] int64
  bool changed = false;       ///< whether a logit differs from the unchanged run

  double accuracy() const;
  double margin() const;
};

/// Runs exchanges on pairs, a batch after another.
/// \param chosen     numbers of the pairs, in the order of `Exchange::expected`
/// \param exchanges  all of them run on each batch
/// \param unchanged  receives the answers to the bases themselves; may be nullptr
std::vector<Exchanged> run_exchanges(const Model& model, const InterchangePlan& plan,
                                     const Place& place, const PlaceRows& rows,
                                     const std::vector<std::int64_t>& chosen,
                                     const std::vector<Exchange>& exchanges,
                                     const std::function<void()>& stop,
                                     Answers* unchanged = nullptr);

/// The bases of pairs.
std::vector<Tokens> bases_of(const InterchangePlan& plan, const std::vector<std::int64_t>& chosen);
/// Some rows of a matrix.
at::Tensor some_rows(const at::Tensor& rows, const std::vector<std::int64_t>& chosen);

}  // namespace lensbench::interchange
