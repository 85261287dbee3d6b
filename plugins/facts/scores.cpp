#include "scores.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <lensbench/readout.hpp>
#include <lensbench/sweep_receipts.hpp>
#include <limits>
#include <map>

#include "common/worst.hpp"

namespace lensbench::facts {
namespace {

/// What the rows of a prompt are decoded for: row r scores token `ids[r]`.
struct Rows {
  std::vector<at::Tensor> streams;  ///< [row, d_model] parts
  std::vector<std::int64_t> ids;

  void add(const at::Tensor& row, std::int64_t id) {
    streams.push_back(row.unsqueeze(0));
    ids.push_back(id);
  }
};

ForwardOptions without_logits() {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  return options;
}

Readout decode(const Model& model, const Rows& rows) {
  ReadoutOptions options;
  options.top_k = 1;
  options.entropy = false;
  options.kl_to_last = false;
  options.target_ids = at::tensor(rows.ids, at::kLong);
  return read_out(model.unembedding(), model.final_norm(at::cat(rows.streams)).unsqueeze(0),
                  options);
}

/// Streams of the last token after the prompt, and the keys and values of the prompt.
struct PromptRun {
  at::Tensor last;                 ///< [d_model]
  std::vector<at::Tensor> layers;  ///< [d_model] of each depth
  KeyValueCache cache;
};

PromptRun run_prompt(const Model& model, const Prompt& prompt, bool lens, bool cached) {
  PromptRun run;
  ForwardOptions options = without_logits();
  if (cached) options.cache = &run.cache;
  Hooks hooks;
  const std::int64_t n_layers = model.spec().n_layers;
  if (lens) run.layers.resize(static_cast<std::size_t>(n_layers) + 1);
  for (std::int64_t layer = 0; lens && layer <= n_layers; ++layer)
    hooks.read(residual_hook(model.spec(), layer),
               [&run, layer](const at::Tensor& x, const HookPoint&) {
                 run.layers[static_cast<std::size_t>(layer)] = x[0][-1];
               });
  run.last = model.forward(make_batch(prompt.tokens), options, hooks).residual[0][-1];
  return run;
}

/// Adds the rows that predict the second and later tokens of some continuations.
void add_later_rows(const Model& model, const Prompt& prompt, const PromptRun& run,
                    const std::vector<const std::vector<std::int64_t>*>& chunk, Rows& rows) {
  std::size_t longest = 0;
  for (const auto* ids : chunk) longest = std::max(longest, ids->size() - 1);
  // Padded on the right: no earlier token sees it, and its own rows are not read.
  at::Tensor batch = at::zeros({std::ssize(chunk), static_cast<std::int64_t>(longest)}, at::kLong);
  for (std::size_t i = 0; i < chunk.size(); ++i)
    for (std::size_t t = 0; t + 1 < chunk[i]->size(); ++t)
      batch[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(t)] = (*chunk[i])[t];
  ForwardOptions options = without_logits();
  options.prefix = &run.cache;
  options.prefix_columns = prompt.tokens.size();
  const at::Tensor residual = model.forward({batch, {}}, options).residual;
  for (std::size_t i = 0; i < chunk.size(); ++i)
    for (std::size_t t = 0; t + 1 < chunk[i]->size(); ++t)
      rows.add(residual[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(t)],
               (*chunk[i])[t + 1]);
}

/// Rows of one sequence that predict the tokens after the prompt.
Rows rows_alone(const Model& model, const Tokens& prompt, const std::vector<std::int64_t>& ids) {
  std::vector<std::int64_t> all = prompt.ids;
  all.insert(all.end(), ids.begin(), ids.end() - 1);
  const TokenBatch batch{at::tensor(all, at::kLong).unsqueeze(0), {}};
  const at::Tensor residual = model.forward(batch, without_logits()).residual[0];
  Rows rows;
  for (std::size_t t = 0; t < ids.size(); ++t)
    rows.add(residual[prompt.size() - 1 + static_cast<std::int64_t>(t)], ids[t]);
  return rows;
}

/// Summed log-probability of a continuation, by a softmax of whole rows of logits in float64.
double score_by_logits(const Model& model, const Tokens& prompt,
                       const std::vector<std::int64_t>& ids) {
  const Rows rows = rows_alone(model, prompt, ids);
  const at::Tensor logits = model.unembed(model.final_norm(at::cat(rows.streams)));
  const at::Tensor log_probabilities = logits.to(at::kCPU).to(at::kDouble).log_softmax(-1);
  return log_probabilities.gather(1, at::tensor(rows.ids, at::kLong).unsqueeze(1))
      .sum()
      .item<double>();
}

double log_probability_at(const Readout& out, std::size_t row) {
  return out.target_log_probabilities[0][static_cast<std::int64_t>(row)].item<double>();
}

double sum_of(const Readout& out, std::size_t first, std::size_t count) {
  double sum = 0;
  for (std::size_t row = first; row < first + count; ++row) sum += log_probability_at(out, row);
  return sum;
}

std::vector<std::int64_t> lens_choices(const Model& model, const std::vector<at::Tensor>& layers) {
  ReadoutOptions options;
  options.top_k = 1;
  options.entropy = false;
  options.kl_to_last = false;
  const at::Tensor rows = model.final_norm(at::stack(layers)).unsqueeze(1);
  const at::Tensor ids = read_out(model.unembedding(), rows, options).top_ids;
  std::vector<std::int64_t> choices;
  choices.reserve(layers.size());
  for (std::int64_t layer = 0; layer < ids.size(0); ++layer)
    choices.push_back(ids[layer][0][0].item<std::int64_t>());
  return choices;
}

/// Decodes each different first token once, since all of them follow the same row.
void score_first_tokens(const Model& model, const Prompt& prompt, const PromptRun& run,
                        PromptScores& scores) {
  std::map<std::int64_t, std::size_t> row_of;
  Rows rows;
  for (const Continuation& one : prompt.continuations)
    if (row_of.emplace(one.ids.front(), rows.ids.size()).second)
      rows.add(run.last, one.ids.front());
  const Readout out = decode(model, rows);
  scores.top_id = out.top_ids[0][0][0].item<std::int64_t>();
  for (const Continuation& one : prompt.continuations) {
    const std::size_t row = row_of.at(one.ids.front());
    scores.log_probability.push_back(log_probability_at(out, row));
    scores.first_rank.push_back(
        out.target_ranks[0][static_cast<std::int64_t>(row)].item<std::int64_t>());
  }
}

/// Adds the later tokens, by whole forwards where keys depend on the length.
void add_later_tokens(const Model& model, const Prompt& prompt, const PromptRun& run,
                      std::int64_t most_rows, bool cached, PromptScores& scores) {
  std::vector<std::size_t> longer;
  for (std::size_t i = 0; i < prompt.continuations.size(); ++i)
    if (prompt.continuations[i].ids.size() > 1) longer.push_back(i);
  const auto step = cached ? static_cast<std::size_t>(most_rows) : 1;
  for (std::size_t begin = 0; begin < longer.size(); begin += step) {
    const std::size_t end = std::min(begin + step, longer.size());
    if (!cached) {
      const std::size_t i = longer[begin];
      scores.log_probability[i] = score_alone(model, prompt.tokens, prompt.continuations[i].ids);
      continue;
    }
    std::vector<const std::vector<std::int64_t>*> chunk;
    for (std::size_t at = begin; at < end; ++at)
      chunk.push_back(&prompt.continuations[longer[at]].ids);
    Rows rows;
    add_later_rows(model, prompt, run, chunk, rows);
    const Readout out = decode(model, rows);
    std::size_t row = 0;
    for (std::size_t at = begin; at < end; ++at) {
      const std::size_t count = prompt.continuations[longer[at]].ids.size() - 1;
      scores.log_probability[longer[at]] += sum_of(out, row, count);
      row += count;
    }
  }
}

}  // namespace

bool depends_on_length(const TransformerSpec& spec) {
  const auto scales = [](const std::optional<RopeSpec>& rope) {
    return rope && (rope->scaling == RopeSpec::Scaling::dynamic ||
                    rope->scaling == RopeSpec::Scaling::longrope);
  };
  return scales(spec.rope) || scales(spec.local_rope);
}

PromptScores score(const Model& model, const Prompt& prompt, std::int64_t most_rows, bool lens) {
  const bool cached = !depends_on_length(model.spec());
  const PromptRun run = run_prompt(model, prompt, lens, cached);
  PromptScores scores;
  score_first_tokens(model, prompt, run, scores);
  add_later_tokens(model, prompt, run, most_rows, cached, scores);
  if (lens) scores.lens_top = lens_choices(model, run.layers);
  return scores;
}

double score_alone(const Model& model, const Tokens& prompt, const std::vector<std::int64_t>& ids) {
  const Rows rows = rows_alone(model, prompt, ids);
  return sum_of(decode(model, rows), 0, rows.ids.size());
}

Receipt chain_equals_one_forward(const Model& model, const std::vector<Prompt>& prompts,
                                 const std::vector<PromptScores>& scores) {
  std::vector<Cell> cells;
  Cell longest;
  const auto length = [&](const Cell& cell) {
    return prompts[cell.prompt].continuations[cell.continuation].ids.size();
  };
  for (std::size_t p = 0; p < prompts.size(); ++p)
    for (std::size_t c = 0; c < prompts[p].continuations.size(); ++c) {
      cells.push_back({p, c});
      if (length(cells.back()) > length(longest)) longest = cells.back();
    }
  double worst = 0;
  for (const Cell& cell : {longest, cells[cells.size() / 2], cells.back()}) {
    const Prompt& prompt = prompts[cell.prompt];
    const double found = scores[cell.prompt].log_probability[cell.continuation];
    const double alone =
        score_by_logits(model, prompt.tokens, prompt.continuations[cell.continuation].ids);
    worst = worst_of(worst, std::abs(found - alone) / std::max(1.0, std::abs(alone)));
  }
  return make_receipt("chain_of_conditionals_equals_one_forward", worst, rounding_tolerance(model),
                      "three continuations, the longest among them, from the logits of one forward "
                      "without a cache or a batch; relative above 1 nat; order of rounding");
}

Receipt log_probabilities_are_not_positive(const Model& model,
                                           const std::vector<PromptScores>& scores) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const PromptScores& prompt : scores)
    for (const double one : prompt.log_probability) largest = worst_of(largest, one);
  return make_receipt("log_probabilities_are_not_positive", largest, rounding_tolerance(model),
                      "the largest of all objects and candidates, nats; order of rounding");
}

}  // namespace lensbench::facts
