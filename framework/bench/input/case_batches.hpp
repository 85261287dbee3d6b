#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

namespace lensbench {

/// Prompts whose forwards run together. Each gets the bits that it would get in every other batch,
/// so that results depend neither on the order of cases nor on a resumption.
struct CaseBatch {
  std::int64_t number = 0;        ///< differs from those of the other batches of a run
  std::vector<Tokens> sequences;  ///< the prompt of each case
  /// False: prompts of equal length, without pictures, that are one forward. True: any prompts,
  /// each with a forward of its own, which pass each block together.
  bool in_step = false;
};

/// Cases of equal length that are near each other, each group in order and the groups in the order
/// of their first cases. Every case is in one group.
/// \param lengths       tokens of each case; 0 for a case that stays alone
/// \param most_columns  most tokens of a group of several cases
std::vector<std::vector<std::int64_t>> form_batches(const std::vector<std::int64_t>& lengths,
                                                    std::int64_t most_columns);

/// Whether the bits of a prompt do not depend on the other prompts of a batch. They would where
/// functions that are vectorised over the whole batch leave a rest (widths that are not a multiple
/// of 32, softcaps), in the experts of a mixture, whose number of rows depends on the batch, and in
/// prediction heads with a product.
bool can_run_in_batches(const TransformerSpec& spec);

/// Most tokens of a batch, so that even all activations of a batch need a bounded memory.
std::int64_t most_batch_columns(const TransformerSpec& spec);

/// Groups of consecutive cases whose prompts, with or without pictures, pass each block of the
/// model together (`CaseBatch::in_step`), so that weights that do not fit into memory are read from
/// disk once for all of them. Each group has as many cases as fit into bounds for tokens and
/// patches.
std::vector<std::vector<std::int64_t>> groups_in_step(const std::vector<CaseInput>& cases,
                                                      const Context& context);

/// Whether the weights of a model, which are mapped from its files, need more memory than there is.
bool exceeds_memory(const Model& model);

/// Groups of the cases of a run. All cases stay alone where products of this BLAS and processor
/// give a row other bits among more rows. Cases that cannot run, or are so short that the loops of
/// their products differ from those of a batch, stay alone. \param active  false: every case is a
/// group of its own
std::vector<std::vector<std::int64_t>> batches_of(const std::vector<CaseInput>& cases,
                                                  const Context& context, bool active);

}  // namespace lensbench
