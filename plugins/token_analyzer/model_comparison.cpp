#include "token_analyzer/model_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "common/worst.hpp"
#include "token_analyzer/columns.hpp"
#include "token_analyzer/text_logits.hpp"

namespace lensbench::token_analysis {
namespace {

using ComparedSteps = std::vector<ComparedStep>;

/// The first token has rank -1 and lacks candidates that could differ.
bool top_differs(const ComparedStep& step) {
  return step.rank > 0 && step.top_ids.front() != step.other_top_ids.front();
}

/// Mean over the scored tokens; NaN if there are none.
template <class Get>
double mean_of(const ComparedSteps& steps, Get get) {
  if (steps.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (std::size_t i = 1; i < steps.size(); ++i) sum += get(steps[i]);
  return sum / static_cast<double>(steps.size() - 1);
}

/// Position at which greedy decoding of the two models would part; -1 if it never does.
std::int64_t first_parting(const ComparedSteps& steps) {
  const auto parting = std::find_if(steps.begin(), steps.end(), top_differs);
  return parting == steps.end() ? -1 : parting - steps.begin();
}

/// The divergence is asymmetric, so that both directions are stored, and Jensen-Shannon as the
/// bounded symmetric one (at most ln 2).
void add_divergences(Dataset& dataset, const ComparedSteps& steps) {
  add_column<double>(dataset, {"kl", "nats", "KL(this model || the other) (NaN: first token)"},
                     steps, [](const ComparedStep& s) { return s.divergence.kl; });
  add_column<double>(dataset,
                     {"kl_reverse", "nats", "KL(the other || this model) (NaN: first token)"},
                     steps, [](const ComparedStep& s) { return s.divergence.kl_reverse; });
  add_column<double>(
      dataset,
      {"js_divergence", "nats", "Jensen-Shannon divergence of the two models (NaN: first token)"},
      steps, [](const ComparedStep& s) { return s.divergence.js; });
}

/// Scores of the same token under the other model, for the comparison token by token.
void add_judgement_of_other(Dataset& dataset, const ComparedSteps& steps) {
  add_column<double>(
      dataset,
      {"surprisal_in_other", "nats", "-ln of the other model's probability (NaN: first token)"},
      steps, std::mem_fn(&ComparedStep::surprisal_in_other));
  add_column<double>(dataset,
                     {"entropy_in_other", "nats", "entropy of the other model (NaN: first token)"},
                     steps, std::mem_fn(&ComparedStep::entropy_in_other));
  add_column<std::int32_t>(
      dataset, {"rank_in_other", "1", "rank of the token in the other model (-1: first token)"},
      steps, std::mem_fn(&ComparedStep::rank_in_other));
  add_column<std::int32_t>(
      dataset, {"rank_change", "1", "rank_in_other minus chosen_rank (0 at the first token)"},
      steps, [](const ComparedStep& s) { return s.rank_in_other - s.rank; });
  add_column<bool>(dataset, {"top_differs", "1", "the models' first choices are different tokens"},
                   steps, top_differs);
}

/// Candidates of both models with their ranks in each other: a token that is first here may be far
/// down there.
void add_other_candidates(Dataset& dataset, const ComparedSteps& steps, std::size_t top_k) {
  if (top_k == 0) return;
  using Step = ComparedStep;
  add_table<std::int32_t>(
      dataset, {"other_top_id", "1", "the other model's candidates", Holds::token_ids}, "rank",
      top_k, steps, [](const Step& s, std::size_t i) { return s.other_top_ids[i]; });
  add_table<double>(
      dataset,
      {"other_top_probability", "1", "their probability in the other model (NaN: first token)"},
      "rank", top_k, steps,
      [](const Step& s, std::size_t i) { return s.other_top_probabilities[i]; });
  add_table<std::int32_t>(
      dataset, {"top_rank_in_other", "1", "ranks of this model's candidates in the other model"},
      "rank", top_k, steps, [](const Step& s, std::size_t i) { return s.top_ranks_in_other[i]; });
  add_table<std::int32_t>(
      dataset, {"other_top_rank", "1", "ranks of the other model's candidates in this model"},
      "rank", top_k, steps, [](const Step& s, std::size_t i) { return s.other_top_ranks[i]; });
}

void add_mean_divergences(Dataset& dataset, const ComparedSteps& steps) {
  add_scalar(dataset, {"mean_kl", "nats", "mean of kl over scored tokens (NaN: there are none)"},
             mean_of(steps, [](const auto& s) { return s.divergence.kl; }));
  add_scalar(
      dataset,
      {"mean_kl_reverse", "nats", "mean of kl_reverse over scored tokens (NaN: there are none)"},
      mean_of(steps, [](const auto& s) { return s.divergence.kl_reverse; }));
  add_scalar(dataset,
             {"mean_js_divergence", "nats",
              "mean of js_divergence over scored tokens (NaN: there are none)"},
             mean_of(steps, [](const auto& s) { return s.divergence.js; }));
}

void add_summary(Dataset& dataset, const ComparedSteps& steps) {
  add_mean_divergences(dataset, steps);
  add_scalar(dataset,
             {"top_agreement", "1",
              "share of scored tokens with equal first choices (NaN: there are none)"},
             mean_of(steps, [](const auto& s) { return top_differs(s) ? 0.0 : 1.0; }));
  add_scalar<std::int64_t>(dataset,
                           {"first_parting", "1",
                            "position of the first token that the models would choose differently"},
                           first_parting(steps));
  add_scalar(dataset,
             {"perplexity_in_other", "1",
              "exp(mean surprisal) under the other model (NaN: there are none)"},
             std::exp(mean_of(steps, std::mem_fn(&ComparedStep::surprisal_in_other))));
}

/// The names are those of the analysis of one model, so that views and scripts read both results.
void add_own(Dataset& dataset, const Tokens& tokens, const ComparedSteps& steps) {
  add_column<std::int32_t>(dataset, {"chosen_id", "1", "the token itself", Holds::token_ids},
                           tokens.ids, [](std::int64_t id) { return id; });
  add_column<double>(dataset, {"chosen_probability", "1", "softmax probability (NaN: first token)"},
                     steps, [](const ComparedStep& s) { return std::exp(-s.surprisal); });
  add_column<std::int32_t>(
      dataset, {"chosen_rank", "1", "1 + number of tokens with a larger logit (-1: first token)"},
      steps, std::mem_fn(&ComparedStep::rank));
  add_column<double>(dataset,
                     {"surprisal", "nats", "-ln of this model's probability (NaN: first token)"},
                     steps, std::mem_fn(&ComparedStep::surprisal));
  add_column<double>(dataset, {"entropy", "nats", "entropy of this model (NaN: first token)"},
                     steps, std::mem_fn(&ComparedStep::entropy));
  add_scalar(dataset,
             {"perplexity", "1", "exp(mean surprisal) under this model (NaN: there are none)"},
             std::exp(mean_of(steps, std::mem_fn(&ComparedStep::surprisal))));
  add_scalar<std::int64_t>(dataset, {"scored_tokens", "1", "tokens that have a distribution"},
                           tokens.size() - 1);
}

/// Adds this model's candidates for each position. With top_k 0 the result does not have them.
void add_own_candidates(Dataset& dataset, const ComparedSteps& steps, std::size_t top_k) {
  if (top_k == 0) return;
  add_rank_axis(dataset, top_k);
  add_table<std::int32_t>(dataset, {"top_id", "1", "this model's candidates", Holds::token_ids},
                          "rank", top_k, steps,
                          [](const ComparedStep& s, std::size_t i) { return s.top_ids[i]; });
  add_table<double>(
      dataset, {"top_probability", "1", "softmax probability of each candidate (NaN: first token)"},
      "rank", top_k, steps,
      [](const ComparedStep& s, std::size_t i) { return s.top_probabilities[i]; });
}

/// Largest distance of a sum of probabilities from 1 over both models, for the receipt.
double total_error(const ComparedSteps& steps) {
  double error = 0;
  for (std::size_t i = 1; i < steps.size(); ++i)
    error = worst_of(error,
                     worst_of(std::abs(steps[i].total - 1), std::abs(steps[i].total_in_other - 1)));
  return error;
}

/// Second computation of Jensen-Shannon, H(m) - (H(p) + H(q)) / 2, for the receipt.
double js_error(const ComparedSteps& steps) {
  double error = 0;
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const double mean_entropy = (steps[i].entropy + steps[i].entropy_in_other) / 2;
    const double again = steps[i].divergence.mixture_entropy - mean_entropy;
    error = worst_of(error, std::abs(again - steps[i].divergence.js));
  }
  return error;
}

}  // namespace

/// The text is read by both models, without its last token, which nothing follows.
TextComparison compare_text(const Model& own, const at::Tensor& own_residual, const Model& other,
                            const Tokens& tokens, std::int64_t top_k) {
  // First choices are compared even if candidates are not listed.
  const std::int64_t listed = std::max<std::int64_t>(1, top_k);
  TextComparison comparison{{unscored_comparison(listed)}, top_k};
  const std::int64_t scored = tokens.size() - 1;
  if (scored == 0) return comparison;
  const at::Tensor other_residual = final_residual(other, tokens, scored);
  for_each_pair(own, own_residual.narrow(0, 0, scored), other, other_residual,
                [&](std::int64_t position, LogitRow p, LogitRow q) {
                  const auto chosen = tokens.ids[static_cast<std::size_t>(position + 1)];
                  comparison.steps.push_back(compare_step(p, q, chosen, listed));
                });
  return comparison;
}

void add_comparison(Dataset& dataset, const TextComparison& comparison) {
  const ComparedSteps& steps = comparison.steps;
  add_divergences(dataset, steps);
  add_judgement_of_other(dataset, steps);
  add_other_candidates(dataset, steps, static_cast<std::size_t>(comparison.top_k));
  add_summary(dataset, steps);
  dataset.receipts.push_back(make_receipt("compared_distributions_sum_to_one", total_error(steps),
                                          1e-9, "float64 rounding over the vocabulary"));
  dataset.receipts.push_back(make_receipt(
      "js_divergence_equals_entropy_form", js_error(steps), 1e-9,
      "nats, against H((p+q)/2) - (H(p)+H(q))/2; float64 rounding over the vocabulary"));
}

Dataset comparison_dataset(const Tokens& tokens, const TextComparison& comparison) {
  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  add_own(dataset, tokens, comparison.steps);
  add_own_candidates(dataset, comparison.steps, static_cast<std::size_t>(comparison.top_k));
  add_comparison(dataset, comparison);
  return dataset;
}

}  // namespace lensbench::token_analysis
