#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

namespace lensbench {

/// Prompts of equal length whose forwards run together. Each gets the bits that it would get in
/// every other batch, so that results depend neither on the order of cases nor on a resumption.
struct CaseBatch {
  std::int64_t number = 0;        ///< differs from those of the other batches of a run
  std::vector<Tokens> sequences;  ///< the prompt of each case
};

/// Cases of equal length that are near each other, each group in order and the groups in the order
/// of their first cases. Every case is in one group.
/// \param lengths       tokens of each case; 0 for a case that cannot run, which stays alone
/// \param most_columns  most tokens of a group of several cases
std::vector<std::vector<std::int64_t>> form_batches(const std::vector<std::int64_t>& lengths,
                                                    std::int64_t most_columns);

/// Whether the bits of a prompt do not depend on the other prompts of a batch. Small products may
/// be summed in another order than large ones: the experts of a mixture, and products in the
/// prediction head, get rows of which the number depends on the batch.
bool can_run_in_batches(const TransformerSpec& spec);

/// Most tokens of a batch, so that even all activations of a batch need a bounded memory.
std::int64_t most_batch_columns(const TransformerSpec& spec);

/// Groups of the cases of a run.
/// \param active  false: every case is a group of its own
std::vector<std::vector<std::int64_t>> batches_of(const std::vector<CaseInput>& cases,
                                                  const Context& context, bool active);

}  // namespace lensbench
