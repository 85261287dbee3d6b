#pragma once

#include <lensbench/result_spec.hpp>

namespace lensbench::token_analysis {

/// Variables of the results; those after `scored_tokens` only with `versus_model`.
inline constexpr ResultSpec kResultTable[] = {
    {"chosen_id", "token", "1", "the token itself", View::generation},
    {"chosen_probability", "token", "1", "softmax probability of the token", View::generation},
    {"chosen_rank", "token", "1", "1 + number of tokens with a larger logit", View::generation},
    {"surprisal", "token", "nats", "-ln of the token's probability", View::generation},
    {"entropy", "token", "nats", "entropy of the distribution the token came from", View::generation},
    {"margin", "token", "1", "probability of the best token minus the second's", View::generation, false},
    {"sampling_probability", "token", "1", "probability of drawing the token after temperature, top-k, top-p", View::generation, false},
    {"sampling_candidates", "token", "1", "tokens the sampler could draw", View::generation, false},
    {"kept_by_top_k", "token", "1", "share of the tempered distribution that top-k keeps", View::general, false},
    {"kept_by_top_p", "token", "1", "share of what top-k left that top-p keeps", View::general, false},
    {"generated", "token", "1", "chosen by the model in this run", View::generation, false},
    {"left_first_choice", "token", "1", "the token was not the model's first choice", View::generation, false},
    {"entropy_score", "token", "1", "(entropy - median of those before) / max(1.4826 MAD, 0.1 nats)", View::general, false},
    {"entropy_jump", "token", "1", "entropy_score above entropy_jump_threshold", View::tokens, false},
    {"top_id", "token rank", "1", "candidates, best first", View::generation, false},
    {"top_probability", "token rank", "1", "softmax probability of each candidate", View::generation, false},
    {"top_cumulative_probability", "token rank", "1", "probability of this candidate and all better ones", View::general, false},
    {"nucleus_size", "token nucleus", "1", "fewest best tokens that reach p", View::general, false},
    {"nucleus_probability", "token nucleus", "1", "softmax probability of the nucleus", View::general, false},
    {"entropy_at_temperature", "token temperature", "nats", "entropy of softmax(logits / temperature)", View::general, false},
    {"top_probability_at_temperature", "token temperature", "1", "probability of the best token", View::general, false},
    {"chosen_probability_at_temperature", "token temperature", "1", "probability of the token itself", View::general, false},
    {"next_top_id", "rank", "1", "candidates for the token after the end", View::table, false},
    {"next_top_probability", "rank", "1", "softmax probability of each", View::table, false},
    {"next_entropy", "", "nats", "entropy of the distribution after the end", View::general, false},
    {"perplexity", "", "1", "exp(mean surprisal) of all scored tokens", View::general},
    {"text_perplexity", "", "1", "exp(mean surprisal) of the given tokens", View::general, false},
    {"generated_perplexity", "", "1", "exp(mean surprisal) of the generated tokens", View::general, false},
    {"scored_tokens", "", "1", "tokens that have a distribution", View::general},
    {"kl", "token", "nats", "KL(this model || the other)", View::tokens, false},
    {"kl_reverse", "token", "nats", "KL(the other || this model)", View::tokens, false},
    {"js_divergence", "token", "nats", "Jensen-Shannon divergence of the two models", View::tokens, false},
    {"surprisal_in_other", "token", "nats", "-ln of the other model's probability", View::tokens, false},
    {"entropy_in_other", "token", "nats", "entropy of the other model", View::tokens, false},
    {"rank_in_other", "token", "1", "rank of the token in the other model", View::tokens, false},
    {"rank_change", "token", "1", "rank_in_other minus chosen_rank", View::tokens, false},
    {"top_differs", "token", "1", "the models' first choices are different tokens", View::tokens, false},
    {"other_top_id", "token rank", "1", "the other model's candidates", View::generation, false},
    {"other_top_probability", "token rank", "1", "their probability in the other model", View::generation, false},
    {"top_rank_in_other", "token rank", "1", "ranks of this model's candidates in the other model", View::general, false},
    {"other_top_rank", "token rank", "1", "ranks of the other model's candidates in this model", View::general, false},
    {"mean_kl", "", "nats", "mean of kl over scored tokens", View::general, false},
    {"mean_kl_reverse", "", "nats", "mean of kl_reverse over scored tokens", View::general, false},
    {"mean_js_divergence", "", "nats", "mean of js_divergence over scored tokens", View::general, false},
    {"top_agreement", "", "1", "share of scored tokens with equal first choices", View::general, false},
    {"first_parting", "", "1", "position of the first token that the models would choose differently", View::general, false},
    {"perplexity_in_other", "", "1", "exp(mean surprisal) under the other model", View::general, false},
};

}  // namespace lensbench::token_analysis
