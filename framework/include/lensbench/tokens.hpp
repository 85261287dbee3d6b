#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// One sequence as the model sees it.
struct Tokens {
  std::vector<std::int64_t> ids;   ///< in order, added ones included
  std::vector<std::string> texts;  ///< display text of each id; `<17>` where there is no tokenizer
  std::string text;                ///< the prompt; empty when ids were given
  bool bos_added = false;          ///< ids[0] was put there by the tokenizer, not by the prompt

  /// How many.
  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// Sequences of different length in one rectangle. Positions count real tokens from 0, so padding
/// changes nothing; a model output at a padded position means nothing and must not be read.
struct TokenBatch {
  at::Tensor ids;   ///< [batch, pos] int64
  at::Tensor mask;  ///< [batch, pos] bool, true at real tokens; undefined when all are real
  /// [batch, pos] int64, the segment each token is of (BERT); undefined: all 0.
  at::Tensor types = {};

  std::int64_t batch_size() const { return ids.size(0); }  ///< sequences
  std::int64_t length() const { return ids.size(1); }      ///< columns, padding included
};

/// One sequence as a batch of one. \throws UsageError if it is empty.
LENSBENCH_API TokenBatch make_batch(const Tokens& tokens);
/// Several, padded on the left with id 0 (never read). \throws UsageError if any is empty.
LENSBENCH_API TokenBatch make_batch(const std::vector<Tokens>& sequences);

}  // namespace lensbench
