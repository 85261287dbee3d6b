#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <utility>
#include <vector>

namespace lensbench {

/// Prompts of consecutive cases whose forwards run together.
struct CaseBatch {
  std::int64_t first = 0;         ///< number of its first case
  std::vector<Tokens> sequences;  ///< the prompt of each case
};

/// Consecutive cases of alike length, as [first, end) in order. Every case is in one batch; a case
/// that runs alone is a batch of its own.
/// \param lengths       tokens of each case; 0 for a case that cannot run, which stays alone
/// \param most_columns  most columns of a padded batch
std::vector<std::pair<std::int64_t, std::int64_t>> form_batches(
    const std::vector<std::int64_t>& lengths, std::int64_t most_columns);

/// Most columns of a padded batch, so that even all activations of a batch need a bounded memory.
std::int64_t most_batch_columns(const TransformerSpec& spec);

/// Batches of the cases of a run. They follow from the prompts and the model alone, so that a run
/// that is resumed forms the same ones.
class CaseBatches {
 public:
  /// \param active  false: every case runs alone
  CaseBatches(const std::vector<CaseInput>& cases, const Context& context, bool active);

  /// The batch of a case; nullptr if the case runs alone. Valid until the next call.
  const CaseBatch* of(std::int64_t index);

 private:
  const std::vector<CaseInput>& cases_;
  const Context& context_;
  std::vector<std::pair<std::int64_t, std::int64_t>> ranges_;
  CaseBatch current_{-1, {}};
};

}  // namespace lensbench
