#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <vector>

#include "plan.hpp"

namespace lensbench::facts {

/// Answers of one prompt.
struct PromptScores {
  std::vector<double> log_probability;   ///< by continuation, nats
  std::vector<std::int64_t> first_rank;  ///< rank of each continuation's first token
  std::int64_t top_id = -1;              ///< the model's first choice
  /// First choice of the lens at the last token, for each layer; empty unless asked for.
  std::vector<std::int64_t> lens_top;
};

/// Whether keys of a short forward differ from those of a longer one, so that no cache is used.
bool depends_on_length(const TransformerSpec& spec);

/// Log-probabilities of all continuations of a prompt: one forward of the prompt, whose keys and
/// values the continuations share in batches.
/// \param most_rows  most continuations in one forward
/// \param lens       also decode every layer at the last token
PromptScores score(const Model& model, const Prompt& prompt, std::int64_t most_rows, bool lens);

/// Log-probability of a continuation from one whole forward, without a cache or a batch.
double score_alone(const Model& model, const Tokens& prompt, const std::vector<std::int64_t>& ids);

/// Compares up to three continuations, the longest among them, with whole forwards.
Receipt chain_equals_one_forward(const Model& model, const std::vector<Prompt>& prompts,
                                 const std::vector<PromptScores>& scores);

/// Looks at each object and candidate after each prompt. A positive log-probability says that a sum
/// over the vocabulary lacks tokens, or belongs to another row.
Receipt log_probabilities_are_not_positive(const Model& model,
                                           const std::vector<PromptScores>& scores);

}  // namespace lensbench::facts
