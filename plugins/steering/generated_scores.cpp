#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/readout.hpp>
#include <limits>
#include <set>
#include <utility>

#include "generated.hpp"

namespace lensbench::steering {
namespace {

/// Different pairs of neighbours among all pairs; NaN: no pair.
double distinct_pairs(const std::vector<std::int64_t>& ids) {
  if (ids.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  std::set<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::size_t i = 1; i < ids.size(); ++i) pairs.emplace(ids[i - 1], ids[i]);
  return static_cast<double>(pairs.size()) / static_cast<double>(ids.size() - 1);
}

}  // namespace

GeneratedScores scores_of(const Model& model, const Tokens& prompt,
                          const std::vector<std::int64_t>& ids,
                          const std::vector<std::int64_t>& targets) {
  const auto made = static_cast<std::int64_t>(ids.size());
  Tokens text = prompt;
  text.ids.insert(text.ids.end(), ids.begin(), ids.end() - 1);  // the last one is only scored
  ForwardOptions forward;
  forward.logits = ForwardOptions::Logits::none;
  // Interventions of the run itself count positions from the end of the prompt.
  forward.prompt_length = prompt.size();
  const at::Tensor rows =
      model.forward(make_batch(text), forward).residual.narrow(1, prompt.size() - 1, made);
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = options.kl_to_last = false;
  options.scored_ids = at::tensor(ids, at::kLong);
  const at::Tensor scored = read_out(model.unembedding(), model.final_norm(rows), options)
                                .scored_log_probabilities.to(at::kDouble);
  GeneratedScores scores;
  scores.perplexity = std::exp(-scored.mean().item<double>());
  const auto hits = std::count_if(ids.begin(), ids.end(), [&](std::int64_t id) {
    return std::find(targets.begin(), targets.end(), id) != targets.end();
  });
  scores.target_share = static_cast<double>(hits) / static_cast<double>(made);
  scores.distinct_2 = distinct_pairs(ids);
  return scores;
}

}  // namespace lensbench::steering
