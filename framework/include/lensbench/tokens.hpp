#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Token ids of one sequence, as the model reads them.
struct Tokens {
  std::vector<std::int64_t>
      ids;  ///< token ids in order, including special tokens that the tokenizer added
  std::vector<std::string> texts;  ///< display text of each id; `<17>` without a tokenizer
  std::string text;                ///< the prompt; empty if ids were given
  bool bos_added = false;          ///< the tokenizer added ids[0]; it is not part of the prompt

  /// Number of tokens.
  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// Sequences of different length as one padded tensor. Positions count real tokens from 0, so
/// padding does not change results. Model outputs at padded positions are meaningless.
struct TokenBatch {
  at::Tensor ids;   ///< [batch, pos] int64
  at::Tensor mask;  ///< [batch, pos] bool, true at real tokens; undefined when all are real

  /// [batch, pos] int64, segment type of each token (BERT); undefined: all 0.
  at::Tensor types = {};

  std::int64_t batch_size() const { return ids.size(0); }  ///< number of sequences
  std::int64_t length() const { return ids.size(1); }      ///< number of columns, padding included
};

/// Batch of one sequence. \throws UsageError if it is empty.
LENSBENCH_API TokenBatch make_batch(const Tokens& tokens);
/// Batch of several sequences, padded on the left with id 0. \throws UsageError if one is empty.
LENSBENCH_API TokenBatch make_batch(const std::vector<Tokens>& sequences);

}  // namespace lensbench
