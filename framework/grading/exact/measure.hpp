#pragma once

#include <string>
#include <vector>

#include "grading/exact/exact_task.hpp"

// The quantities of truth.json by exact patching in float64: everything after a changed activation
// is computed again. z are logits, m = z[answer] - z[foil] at the asked position.

namespace lensbench::grading {

/// Effects of components on m: [component][prompt] of
/// - `total`    m(clean) - m(clean with the output of the corrupted run)
/// - `restore`  m(corrupted with the output of the clean run) - m(corrupted)
/// - `direct`   m(clean) - m with the output exchanged in the input of the final norm alone
/// - `dla`      (u_answer - u_foil) · the output through the final norm at the clean run's scale
/// - `zero`     m(clean) - m(clean with the output 0)
/// - `mean`     the same with its mean over prompts and positions
/// - `mean_of_prompt` the same with its mean over the positions of the same prompt
/// `direct` and `dla` are not defined in BERT, whose norms come after the additions.
EffectTruth measure_effects(const ExactTask& task, const std::vector<std::string>& components);

/// `total` and `restore` of every neuron of an MLP.
NeuronEffects measure_neurons(const ExactTask& task, std::int64_t layer);

/// What the model's own head reads of the answer at each layer.
ReadoutTruth measure_readout(const ExactTask& task);

/// Share of the gap that the clean run's stream restores in the corrupted run, for each layer and
/// position.
Table measure_restore_grid(const ExactTask& task);

/// The distributions of all tokens of the clean prompts but the first.
DistributionTruth measure_distribution(const ExactTask& task);

/// Attention of a head on one key of each prompt, from the asked position or a source's.
std::vector<double> measure_attention(const ExactTask& task, const AttendedKey& key,
                                      const std::vector<PromptPair>& prompts);

}  // namespace lensbench::grading
