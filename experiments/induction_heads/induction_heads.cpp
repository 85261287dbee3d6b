// Induction heads: heads that continue a repeated sequence. Scores on random repeated tokens, a
// control with shuffled copies, composition with previous-token heads, and ablation against random
// heads of the same blocks. Half of the sequences choose the heads, the other half measures.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <lensbench/plugin.hpp>
#include <lensbench/tools/attention.hpp>
#include <lensbench/tools/composition.hpp>

#include "common/read_once.hpp"
#include "common/results.hpp"
#include "findings.hpp"
#include "heads.hpp"
#include "sequences.hpp"

namespace induction_heads {
namespace {

using namespace lensbench;
using common::RepeatedForm;

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

Selection selection_of(const Summary& cases) {
  return choose_heads(pooled(cases, "score", false), pooled(cases, "control_score", false));
}

std::vector<std::vector<std::int64_t>> rows_of(const at::Tensor& ids) {
  std::vector<std::vector<std::int64_t>> rows;
  rows.reserve(static_cast<std::size_t>(ids.size(0)));
  for (const at::Tensor& row : ids.to(at::kLong).unbind(0))
    rows.emplace_back(row.data_ptr<std::int64_t>(), row.data_ptr<std::int64_t>() + row.numel());
  return rows;
}

/// What the sequences of a case say.
struct Measured {
  at::Tensor scores;    ///< [sequence, detector, block, head]
  at::Tensor controls;  ///< [sequence, block, head]
  at::Tensor ids;       ///< [sequence, place]
  at::Tensor losses;    ///< [sequence, place]
  at::Tensor gain;      ///< [sequence]
};

void add_measured(Dataset& result, const TransformerSpec& spec, const Measured& of) {
  add_detectors(result);
  add_head_axes(result, spec);
  result.add_coordinate("sequence", at::arange(of.ids.size(0), at::kInt));
  result.add_coordinate("place", at::arange(of.losses.size(1), at::kInt), "position, from 0");
  result.add("score", {"sequence", "detector", "block", "head"}, of.scores, "1",
             "mean weight on the keys of the detector in all copies but the first");
  result.add("control_score", {"sequence", "block", "head"}, of.controls, "1",
             "the induction score where all copies but the first are shuffled");
  result.add("sequence_id", {"sequence", "place"}, of.ids.to(at::kInt), "1",
             "token of the sequence", Holds::token_ids);
  result.add("loss", {"sequence", "place"}, of.losses, "nats",
             "-ln probability of the token (NaN: the first one)");
  result.add("repeat_gain", {"sequence"}, of.gain, "nats",
             "mean loss in the first copy minus that in the later ones, without the first token "
             "of each");
}

/// Repeat gains of the last sequences of a case, which measure.
/// \param ablated  [sequence] without the induction heads
/// \param random   [draw, sequence] without random heads
Dataset ablation_of(std::int64_t sequences, const at::Tensor& ablated, const at::Tensor& random) {
  Dataset result;
  result.add_coordinate("measured_sequence",
                        at::arange(sequences - ablated.size(0), sequences, at::kInt));
  result.add_coordinate("draw", at::arange(random.size(0), at::kInt));
  result.add("ablated_gain", {"measured_sequence"}, ablated, "nats",
             std::string("repeat gain with the induction heads at their mean") + kNone);
  result.add("random_gain", {"draw", "measured_sequence"}, random, "nats",
             std::string("repeat gain with random heads of the same blocks at their mean") + kNone);
  return result;
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
    const common::ReadOnce cases(summary);
    const Selection selection = selection_of(cases);
    const Dataset first = cases.dataset(cases.cases().front(), "sequences");
    Dataset table;
    for (const char* axis : {"detector", "block", "head", "place"}) table.add(first[axis]);
    add_findings(table, selection);
    add_over_sequences(table, first["score"], {"detector", "block", "head"},
                       pooled(cases, "score", true));
    add_over_sequences(table, first["loss"], {"place"}, pooled(cases, "loss", true));
    add_over_sequences(table, first["repeat_gain"], {}, pooled(cases, "repeat_gain", true));
    add_ablation(table, cases);
    add_composition(table, selection, summary.parameters().integer("top_k"), composition_);
    table.attributes["sequences"] = pooled(cases, "loss", true).size(0);
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
    add_measured(
        result, c.model().spec(),
        {at::stack(scores), at::stack(controls), batch.ids, losses, repeat_gain(losses, form)});
    result.attributes["start_token"] = form.start.value_or(-1);
    c.save("sequences", std::move(result));
  }

  void ablate(Case& c) {
    const RepeatedForm form = form_of(c.model(), c.parameters());
    const Selection& selection = selection_.of(c, selection_of);
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
    c.save("ablation", ablation_of(ids.size(0), ablated, random));
  }

  Uses<Attention> attention_{this, "attention"};
  Uses<Composition> composition_{this, "composition"};
  common::OncePerPass<Selection> selection_;
};

}  // namespace induction_heads

using induction_heads::InductionHeads;

LENSBENCH_EXPERIMENT(InductionHeads, "induction_heads", "1.0.0",
                     "Which heads continue a repeated sequence, and does the model need them?");
