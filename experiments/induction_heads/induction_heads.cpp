// Induction heads: heads that continue a repeated sequence. Scores on random repeated tokens, a
// control with shuffled copies, composition with previous-token heads, and ablation against random
// heads of the same blocks. Half of the sequences choose the heads, the other half measures.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/attention.hpp>
#include <lensbench/tools/composition.hpp>
#include <limits>

#include "common/results.hpp"
#include "heads.hpp"
#include "sequences.hpp"

namespace induction_heads {
namespace {

using namespace lensbench;
using common::RepeatedForm;

constexpr double kNotDetermined = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kNone = " (NaN: no head was found, or its block has no other)";
constexpr std::int64_t kListedHeads = 5;

RepeatedForm form_of(const Model& model, const Parameters& given) {
  return {given.integer("length"), given.integer("repeats"),
          common::start_token(model, given.text("start"))};
}

/// Stream of Philox of the n-th draw of a case.
std::uint64_t stream_of(std::int64_t case_number, std::int64_t n) {
  return (static_cast<std::uint64_t>(case_number) << 20U) + static_cast<std::uint64_t>(n);
}
constexpr std::int64_t kStreamOfHeads = (1 << 20) - 1;

void add_head_axes(Dataset& dataset, const TransformerSpec& spec) {
  dataset.add_coordinate("block", at::arange(spec.n_layers, at::kInt), "block, from 0");
  dataset.add_coordinate("head", at::arange(spec.attention.n_heads, at::kInt), "head, from 0");
}

void add_detectors(Dataset& dataset) {
  dataset.add_coordinate("detector", std::vector<std::string>(kDetectors.begin(), kDetectors.end()),
                         "kind of head that is looked for");
}

at::Tensor half(const at::Tensor& sequences, bool measures) {
  const std::int64_t middle = sequences.size(0) / 2;
  return measures ? sequences.slice(0, middle) : sequences.slice(0, 0, middle);
}

/// One half of the sequences of all cases, [sequence, ...].
at::Tensor pooled(const Summary& cases, const std::string& name, bool measures) {
  std::vector<at::Tensor> parts;
  parts.reserve(cases.cases().size());
  for (const auto number : cases.cases())
    parts.push_back(half(cases.dataset(number, "sequences")[name].tensor, measures));
  return at::cat(parts);
}

Selection selection_of(const Summary& cases) {
  return choose_heads(pooled(cases, "score", false), pooled(cases, "control_score", false));
}

std::vector<Head> best_of(const std::vector<Head>& heads, std::int64_t count) {
  return {heads.begin(), heads.begin() + std::min<std::ptrdiff_t>(count, std::ssize(heads))};
}

std::vector<std::vector<std::int64_t>> rows_of(const at::Tensor& ids) {
  std::vector<std::vector<std::int64_t>> rows;
  rows.reserve(static_cast<std::size_t>(ids.size(0)));
  for (const at::Tensor& row : ids.to(at::kLong).unbind(0))
    rows.emplace_back(row.data_ptr<std::int64_t>(), row.data_ptr<std::int64_t>() + row.numel());
  return rows;
}

/// Adds mean, quantiles and interval of a variable over sequences. \param values  [sequence, ...]
void add_over_sequences(Dataset& table, const Variable& like, const std::vector<std::string>& dims,
                        const at::Tensor& values) {
  statistics::add_over_cases(table, like, dims, values.unbind(0));
  statistics::add_intervals(table, like, dims, values.unbind(0));
}

}  // namespace

class InductionHeads final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"sequences", ParameterType::integer, "20", "1",
       "random sequences of each case; the first half chooses heads, the other half measures",
       "[4, 100000]"},
      {"length", ParameterType::integer, "25", "tokens", "different tokens that are repeated",
       "[3, inf)"},
      {"repeats", ParameterType::integer, "2", "1", "copies of these tokens", "[2, 100000]"},
      {"start", ParameterType::token, "bos", "",
       "token before the first copy; bos: the tokenizer's, if it has one", "bos|none"},
      {"top_k", ParameterType::integer, "3", "1", "most induction heads to ablate together",
       "[1, inf)"},
      {"draws", ParameterType::integer, "20", "1",
       "random choices of heads that the ablation is compared with", "[1, 10000]"},
  };

  // The second pass ablates the heads that the first one chose.
  std::int64_t passes(const Parameters&) const override { return 2; }

  void check_parameters(const Parameters& parameters, const Model& model) override {
    Experiment::check_parameters(parameters, model);
    common::check_form(model, form_of(model, parameters));
  }

  void run(Case& c) override {
    if (c.model().spec().masked_language_model)
      throw UsageError(
          "induction_heads: the model predicts masked tokens, not the next one; give a causal "
          "model");
    if (c.pass() == 0)
      score(c);
    else
      ablate(c);
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    const Selection selection = selection_of(summary);
    const Dataset first = summary.dataset(summary.cases().front(), "sequences");
    Dataset table;
    for (const char* axis : {"detector", "block", "head", "place"}) table.add(first[axis]);
    add_findings(table, selection);
    add_over_sequences(table, first["score"], {"detector", "block", "head"},
                       pooled(summary, "score", true));
    add_over_sequences(table, first["loss"], {"place"}, pooled(summary, "loss", true));
    add_over_sequences(table, first["repeat_gain"], {}, pooled(summary, "repeat_gain", true));
    add_ablation(table, summary);
    add_composition(table, selection, summary.parameters().integer("top_k"));
    table.attributes["sequences"] = pooled(summary, "loss", true).size(0);
    summary.save("induction", std::move(table));
  }

 private:
  void score(Case& c) {
    const RepeatedForm form = form_of(c.model(), c.parameters());
    AttentionOptions options;
    options.detectors = {};
    const auto measured = [&](const std::vector<std::int64_t>& ids, Dataset& receipts) {
      const Dataset result = attention_->analyze(tokens_from_ids(c.model(), ids), options);
      common::keep_worst(receipts, result.receipts);
      return scores_of(result["pattern"].tensor, form);
    };
    std::vector<at::Tensor> scores, controls;
    std::vector<std::vector<std::int64_t>> ids;
    Dataset result;
    for (std::int64_t s = 0; s < c.parameters().integer("sequences"); ++s) {
      const Sequence sequence = draw_sequence(c.model(), form, c.seed(), stream_of(c.index(), s));
      scores.push_back(measured(sequence.ids, result));
      controls.push_back(measured(sequence.control, result)[2]);
      ids.push_back(sequence.ids);
    }
    const TokenBatch batch = batch_of(ids);
    const at::Tensor losses =
        losses_of(c.model(),
                  c.model().forward(batch, {.logits = ForwardOptions::Logits::none}).residual, ids);
    add_detectors(result);
    add_head_axes(result, c.model().spec());
    result.add_coordinate("sequence", at::arange(std::ssize(ids), at::kInt));
    result.add_coordinate("place", at::arange(losses.size(1), at::kInt), "position, from 0");
    result.add("score", {"sequence", "detector", "block", "head"}, at::stack(scores), "1",
               "mean weight on the keys of the detector in all copies but the first");
    result.add("control_score", {"sequence", "block", "head"}, at::stack(controls), "1",
               "the induction score where all copies but the first are shuffled");
    result.add("sequence_id", {"sequence", "place"}, batch.ids.to(at::kInt), "1",
               "token of the sequence", Holds::token_ids);
    result.add("loss", {"sequence", "place"}, losses, "nats",
               "-ln probability of the token (NaN: the first one)");
    result.add("repeat_gain", {"sequence"}, repeat_gain(losses, form), "nats",
               "mean loss in the first copy minus that in the later ones, without the first token "
               "of each");
    result.attributes["start_token"] = form.start.value_or(-1);
    c.save("sequences", std::move(result));
  }

  void ablate(Case& c) {
    const RepeatedForm form = form_of(c.model(), c.parameters());
    const Selection selection = selection_of(c.earlier());
    const auto heads = best_of(selection.found, c.parameters().integer("top_k"));
    const at::Tensor ids = c.earlier().dataset(c.index(), "sequences")["sequence_id"].tensor;
    const auto chosen = rows_of(half(ids, true));
    const auto n = static_cast<std::int64_t>(chosen.size());
    const std::int64_t draws = c.parameters().integer("draws");
    at::Tensor ablated = at::full({n}, kNotDetermined, at::kDouble);
    at::Tensor random = at::full({draws, n}, kNotDetermined, at::kDouble);
    if (!heads.empty()) {
      const at::Tensor means = mean_reads(c.model(), batch_of(rows_of(half(ids, false))));
      const auto gain = [&](const std::vector<Head>& without) {
        const at::Tensor residual = run_without(c.model(), batch_of(chosen), without, means);
        return repeat_gain(losses_of(c.model(), residual, chosen), form);
      };
      ablated = gain(heads);
      Philox numbers(c.seed(), stream_of(c.index(), kStreamOfHeads));
      for (std::int64_t draw = 0; draw < draws; ++draw)
        if (const auto others =
                random_heads(heads, selection.found, c.model().spec().attention.n_heads, numbers))
          random[draw].copy_(gain(*others));
    }
    Dataset result;
    result.add_coordinate("measured_sequence", at::arange(ids.size(0) - n, ids.size(0), at::kInt));
    result.add_coordinate("draw", at::arange(draws, at::kInt));
    result.add("ablated_gain", {"measured_sequence"}, ablated, "nats",
               std::string("repeat gain with the induction heads at their mean") + kNone);
    result.add(
        "random_gain", {"draw", "measured_sequence"}, random, "nats",
        std::string("repeat gain with random heads of the same blocks at their mean") + kNone);
    c.save("ablation", std::move(result));
  }

  static void add_findings(Dataset& table, const Selection& selection) {
    std::string names;
    for (const Head& head : selection.found) names += (names.empty() ? "" : ", ") + name_of(head);
    const auto count = selection.found.size();
    const std::string finding =
        count == 0 ? "none found: no head's mean induction score exceeds the threshold"
                   : std::to_string(count) +
                         (count == 1 ? " induction head: " : " induction heads: ") + names;
    table.add_coordinate("statement", std::vector<std::string>{"induction heads"});
    table.add("finding", "statement", {finding}, "heads found in the sequences that choose heads");
    table.attributes["finding"] = finding;
    at::Tensor found = at::zeros({table.dim("block"), table.dim("head")}, at::kChar);
    for (const Head& head : selection.found) found[head.block][head.index] = 1;
    table.add("is_induction_head", {"block", "head"}, found, "1",
              "1: the score is above the threshold");
    add_best(table, selection);
    table.add("threshold", {}, at::scalar_tensor(selection.threshold, at::kDouble), "1",
              "99th percentile of the induction scores of all heads on shuffled copies");
  }

  /// Heads with the largest induction scores on the sequences that choose.
  static void add_best(Dataset& table, const Selection& selection) {
    const auto listed = best_of(selection.ranked, kListedHeads);
    std::vector<std::string> names;
    std::vector<double> scores;
    for (const Head& head : listed) {
      names.push_back(name_of(head));
      scores.push_back(selection.mean[2][head.block][head.index].item<double>());
    }
    table.add_coordinate("rank", at::arange(1, std::ssize(names) + 1), "1 is the best");
    table.add("best_head", "rank", names, "heads with the largest induction scores");
    common::add_numbers(table,
                        {"best_score", {"rank"}, "1", "their scores on the sequences that choose"},
                        scores, {std::ssize(scores)});
  }

  /// Effect of the ablation on the repeat gain, against that of random heads.
  static void add_ablation(Dataset& table, const Summary& summary) {
    std::vector<at::Tensor> effects, random_effects;
    for (const auto number : summary.cases()) {
      const at::Tensor gain =
          half(summary.dataset(number, "sequences")["repeat_gain"].tensor, true);
      const Dataset ablation = summary.dataset(number, "ablation");
      effects.push_back(ablation["ablated_gain"].tensor - gain);
      random_effects.push_back(ablation["random_gain"].tensor.mean(0) - gain);
    }
    const auto add = [&](const char* name, const char* long_name, const at::Tensor& values) {
      const Variable like{
          .name = name, .units = "nats", .long_name = std::string(long_name) + kNone};
      add_over_sequences(table, like, {}, values);
      return like;
    };
    const at::Tensor ours = at::cat(effects), random = at::cat(random_effects);
    const Variable like =
        add("ablation_effect", "change of the repeat gain without the induction heads", ours);
    add("random_effect", "mean change of the repeat gain without random heads of these blocks",
        random);
    statistics::add_comparison(table, like, {}, ours.unbind(0), random.unbind(0),
                               statistics::Comparison::paired_permutation);
  }

  /// K composition of the best previous-token heads with the induction heads after them.
  void add_composition(Dataset& table, const Selection& selection, std::int64_t top_k) {
    const auto receivers = best_of(selection.found, top_k);
    const auto senders = best_of(selection.previous, top_k);
    std::vector<double> values;
    std::vector<std::string> labels;
    double all = kNotDetermined;
    if (!receivers.empty()) {
      CompositionOptions options;
      options.modes = {"k"};
      options.directions = 0;
      const Dataset result = composition_->analyze(options);
      const at::Tensor scores = result["composition"].tensor[0];
      all = statistics::mean(statistics::values_of(scores));
      for (const Head& sender : senders)
        for (const Head& receiver : receivers) {
          if (sender.block >= receiver.block) continue;
          labels.push_back(name_of(sender) + " > " + name_of(receiver));
          values.push_back(
              scores[sender.block][sender.index][receiver.block][receiver.index].item<double>());
        }
    }
    table.add("mean_k_composition", {}, at::scalar_tensor(all, at::kDouble), "1",
              "K composition score of all pairs of heads (NaN: no head was found)");
    if (labels.empty()) return;
    table.add_coordinate("pair", labels, "previous-token head > induction head");
    common::add_numbers(
        table,
        {"k_composition", {"pair"}, "1", "K composition score of the pair (NaN: a matrix is zero)"},
        values, {std::ssize(values)});
  }

  Uses<Attention> attention_{this, "attention"};
  Uses<Composition> composition_{this, "composition"};
};

}  // namespace induction_heads

using induction_heads::InductionHeads;

LENSBENCH_EXPERIMENT(InductionHeads, "induction_heads", "1.0.0",
                     "Which heads continue a repeated sequence, and does the model need them?");
