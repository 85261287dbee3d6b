// Formation of predictions over the training of a model: the logit lens on the same tokens at every
// checkpoint, scores of induction and previous-token heads, and blocks that all of the rest needs.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/attention.hpp>
#include <lensbench/tools/layer_surgery.hpp>
#include <lensbench/tools/logit_lens.hpp>
#include <map>

#include "bottlenecks.hpp"
#include "checkpoints.hpp"
#include "common/repeated_tokens.hpp"
#include "common/results.hpp"

namespace training_dynamics {
namespace {

using namespace lensbench;

constexpr double kStall = 0.01;      // share of KL_0 below which a block stalls
constexpr double kBottleneck = 0.9;  // share of random samples that must agree
using Dims = std::vector<std::string>;

/// Numbers of one checkpoint on one case.
struct Reading {
  at::Tensor target_rank, target_log_probability, kl;  ///< [layer, token]
  at::Tensor settled_layer, target_id;                 ///< [token]
  at::Tensor induction, previous;                      ///< [block, head]
  at::Tensor loss, loss_increase;                      ///< [], [block]
};

/// First checkpoint from which on the target has rank 1 at all later ones; -1: none.
/// \param rank  [checkpoint, layer, token] \return [layer, token] int32
at::Tensor emergence(const at::Tensor& rank) {
  at::Tensor first = at::full({rank.size(1), rank.size(2)}, -1, at::kInt);
  at::Tensor stays = at::full(first.sizes(), true, at::kBool);
  for (std::int64_t checkpoint = rank.size(0) - 1; checkpoint >= 0; --checkpoint) {
    stays = stays.logical_and(rank[checkpoint].eq(1));
    first = first.masked_fill(stays, checkpoint);
  }
  return first;
}

/// The prompt with its target after it, so that every token of the prompt has a token that follows.
Tokens with_target(const Case& c) {
  const Target target = c.target();
  std::int64_t id = target.id;
  if (target.kind != Target::Kind::token) {
    const ForwardOptions last{.logits = ForwardOptions::Logits::last};
    id = c.model()
             .forward(make_batch(c.tokens()), last)
             .logits.flatten()
             .argmax()
             .item<std::int64_t>();
  }
  std::vector<std::int64_t> ids = c.tokens().ids;
  ids.push_back(id);
  if (std::ssize(ids) > position_limit(c.model().spec()))
    throw UsageError("training_dynamics: case '" + c.id() + "' has " +
                     std::to_string(c.tokens().size()) +
                     " tokens, as many as the model has positions; leave one for the target");
  return tokens_from_ids(c.model(), std::move(ids));
}

void add_checkpoint_axis(Dataset& dataset, const std::vector<Checkpoint>& all) {
  std::vector<std::string> names;
  std::vector<std::int64_t> steps;
  names.reserve(all.size());
  steps.reserve(all.size());
  for (const Checkpoint& one : all) {
    names.push_back(one.name);
    steps.push_back(one.step);
  }
  dataset.add_coordinate("checkpoint", names, "moment of training, in order");
  dataset.add({.name = "step",
               .dims = {"checkpoint"},
               .tensor = at::tensor(steps, at::kLong),
               .long_name = "step of training (-1: not known)",
               .coordinate = true});
}

void add_model_axes(Dataset& dataset, const TransformerSpec& spec) {
  add_layer_axis(dataset, spec.n_layers);
  dataset.add_coordinate("block", at::arange(spec.n_layers, at::kInt), "block, from 0");
  dataset.add_coordinate("head", at::arange(spec.attention.n_heads, at::kInt), "head, from 0");
}

/// One number of every reading, stacked over checkpoints.
at::Tensor stacked(const std::vector<Reading>& readings, at::Tensor Reading::*number) {
  std::vector<at::Tensor> all;
  all.reserve(readings.size());
  for (const Reading& one : readings) all.push_back(one.*number);
  return at::stack(all);
}

void add_readings(Dataset& result, const std::vector<Reading>& readings) {
  const auto add = [&](const char* name, const Dims& dims, at::Tensor Reading::*number,
                       const char* units, const char* long_name) {
    result.add(name, dims, stacked(readings, number), units, long_name);
  };
  const Dims by_layer = {"checkpoint", "layer", "token"}, by_head = {"checkpoint", "block", "head"};
  add("target_rank", by_layer, &Reading::target_rank, "1",
      "1 + number of tokens with a larger logit than the token that follows");
  result.add("emergence_checkpoint", {"layer", "token"}, emergence(result["target_rank"].tensor),
             "1", "index of the first checkpoint from which on the rank stays 1; -1: never");
  result.set_attribute("emergence_checkpoint", "view", std::string("heatmap"));
  add("target_log_probability", by_layer, &Reading::target_log_probability, "nats",
      "ln probability of the token that follows");
  add("kl_final_to_layer", by_layer, &Reading::kl, "nats",
      "KL divergence of the checkpoint's own distribution from that at this layer");
  add("settled_layer", {"checkpoint", "token"}, &Reading::settled_layer, "1",
      "first layer from which the checkpoint's own prediction stays first; -1: never");
  add("induction_score", by_head, &Reading::induction, "1",
      "mean weight on the token after the earlier copy of the query, on repeated random tokens");
  add("previous_token_score", by_head, &Reading::previous, "1",
      "mean weight on the token before the query, on repeated random tokens");
  add("loss", {"checkpoint"}, &Reading::loss, "nats",
      "mean -ln probability of the tokens that follow");
  add("loss_increase", {"checkpoint", "block"}, &Reading::loss_increase, "nats",
      "loss without the block minus loss");
}

/// Values of a variable of every case, at its last token where it has tokens.
std::vector<at::Tensor> over_cases(const std::vector<Dataset>& cases, const std::string& name) {
  std::vector<at::Tensor> all;
  all.reserve(cases.size());
  for (const Dataset& one : cases)
    all.push_back(one[name].dims.back() == "token" ? one[name].tensor.select(-1, -1)
                                                   : one[name].tensor);
  return all;
}

void add_statistics(Dataset& table, const std::vector<Dataset>& cases, const std::string& name) {
  Dims dims = cases.front()[name].dims;
  if (dims.back() == "token") dims.pop_back();
  statistics::add_over_cases(table, cases.front()[name], dims, over_cases(cases, name));
  statistics::add_intervals(table, cases.front()[name], dims, over_cases(cases, name));
}

/// Share of cases whose target emerged at a checkpoint or before, at the last token.
void add_emerged(Dataset& table, const std::vector<Dataset>& cases) {
  const std::int64_t checkpoints = table.dim("checkpoint");
  at::Tensor share = at::full({checkpoints, table.dim("layer")}, 0.0, at::kDouble);
  for (const at::Tensor& first : over_cases(cases, "emergence_checkpoint"))
    for (std::int64_t k = 0; k < checkpoints; ++k)
      share[k] += first.ge(0).logical_and(first.le(k)).to(at::kDouble);
  table.add("emerged_share", {"checkpoint", "layer"}, share / static_cast<double>(cases.size()),
            "1", "share of cases whose target is first from this checkpoint or an earlier one on");
}

/// Both rankings of the blocks of every checkpoint: increases of the loss, then shares of the fall
/// of the divergence, each [checkpoint, block].
class BlockNumbers {
 public:
  explicit BlockNumbers(const std::vector<Dataset>& cases) {
    for (const Dataset& one : cases) {
      increases_.push_back(one["loss_increase"].tensor.to(at::kDouble));
      divergences_.push_back(one["kl_final_to_layer"].tensor.to(at::kDouble).mean(-1));
    }
  }

  std::vector<double> operator()(const std::vector<std::size_t>& cases) const {
    at::Tensor increase = at::full(increases_.front().sizes(), 0.0, at::kDouble);
    at::Tensor divergence = at::full(divergences_.front().sizes(), 0.0, at::kDouble);
    for (const std::size_t i : cases) {
      increase += increases_[i];
      divergence += divergences_[i];
    }
    auto numbers = statistics::values_of(increase / static_cast<double>(cases.size()));
    for (const at::Tensor& kl : divergence.unbind(0)) {
      const auto shares = shares_of_fall(statistics::values_of(kl));
      numbers.insert(numbers.end(), shares.begin(), shares.end());
    }
    return numbers;
  }

 private:
  std::vector<at::Tensor> increases_, divergences_;  ///< [checkpoint, block], [checkpoint, layer]
};

std::string finding_of(const std::vector<double>& shares) {
  std::string blocks;
  for (std::size_t block = 0; block < shares.size(); ++block)
    if (shares[block] >= kBottleneck)
      blocks += (blocks.empty() ? "" : ", ") + std::to_string(block);
  if (shares.size() < 3) return "the model has no block between the first and the last";
  if (std::isnan(shares[1])) return "not determined by one case";
  return blocks.empty() ? "none between the first and the last block" : blocks;
}

void add_bottlenecks(Dataset& table, const std::vector<Dataset>& cases,
                     const statistics::Resampling& resampling) {
  const std::int64_t k = table.dim("checkpoint"), n = table.dim("block");
  const auto found = statistics::bootstrap(cases.size(), BlockNumbers(cases), resampling);
  common::add_estimates(table,
                        {"kl_share",
                         {"checkpoint", "block"},
                         "1",
                         "share of the fall of KL(final || layer) in the block (NaN: no fall)"},
                        found, static_cast<std::size_t>(k * n), {k, n}, resampling);
  std::vector<double> shares;
  std::vector<std::string> findings;
  for (std::int64_t checkpoint = 0; checkpoint < k; ++checkpoint) {
    const auto one = shares_among_first(found.draws.narrow(1, checkpoint * n, n),
                                        found.draws.narrow(1, (k + checkpoint) * n, n));
    shares.insert(shares.end(), one.begin(), one.end());
    findings.push_back(finding_of(one));
  }
  common::add_numbers(table,
                      {"bottleneck_share",
                       {"checkpoint", "block"},
                       "1",
                       "share of samples with the block in the first fifth of both rankings (NaN: "
                       "first or last block, or one case)"},
                      shares, {k, n});
  table.add("bottlenecks", "checkpoint", findings,
            "blocks with a bottleneck_share of at least 0.9");
  const at::Tensor share = table["kl_share"].tensor;
  table.add("stall", {"checkpoint", "block"}, share.lt(kStall).to(at::kChar), "1",
            "1: kl_share is below 0.01");
  std::vector<std::string> places(static_cast<std::size_t>(n), "between");
  places.front() = "first";
  places.back() = n == 1 ? "only" : "last";
  table.add({.name = "block_place",
             .dims = {"block"},
             .strings = places,
             .long_name = "first, last, or between",
             .coordinate = true});
}

}  // namespace

class TrainingDynamics final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"checkpoints", ParameterType::models, nullptr, "",
       "earlier moments of the training run of the model, in order"},
      {"steps", ParameterType::integers, "", "1",
       "steps of the checkpoints and, last, of the model (default: the numbers in the names of "
       "their folders)",
       "[0, inf)"},
      {"target", ParameterType::token, "model", "",
       "token after the prompt; model is the choice of the model of the run; a case's own field "
       "`target` wins",
       "model"},
      {"length", ParameterType::integer, "25", "tokens",
       "random tokens, repeated once, on which heads are scored", "[3, inf)"},
      {"start", ParameterType::token, "bos", "",
       "token before these; bos: the tokenizer's, if it has one", "bos|none"},
  };

  void check_parameters(const Parameters& parameters, const Model& model) override {
    Experiment::check_parameters(parameters, model);
    checkpoints_ = open_checkpoints(parameters, model);
    common::check_form(model, form_of(model, parameters));
  }

  void run(Case& c) override {
    if (checkpoints_.empty()) checkpoints_ = open_checkpoints(c.parameters(), c.model());
    for (Checkpoint& one : checkpoints_)
      if (one.context == nullptr) one.context = std::make_unique<Context>(one.model, c.seed());
    const Tokens tokens = with_target(c);
    std::vector<Reading> readings;
    Dataset result;
    readings.reserve(checkpoints_.size());
    for (const Checkpoint& one : checkpoints_) readings.push_back(read(c, one, tokens, result));
    add_token_axis(result, c.tokens().ids, c.tokens().texts);
    add_checkpoint_axis(result, checkpoints_);
    add_model_axes(result, c.model().spec());
    result.add("target_id", {"token"}, readings.back().target_id, "1",
               "token that follows; after the last one the target of the case", Holds::token_ids);
    add_readings(result, readings);
    c.save("dynamics", std::move(result));
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    std::vector<Dataset> cases;
    summary.for_each("dynamics", [&](auto, const Dataset& one) { cases.push_back(one); });
    Dataset table;
    for (const char* axis : {"checkpoint", "step", "layer", "layer_label", "block", "head"})
      table.add(cases.front()[axis]);
    add_bottlenecks(table, cases, {.seed = summary.seed()});
    add_emerged(table, cases);
    for (const char* name : {"target_log_probability", "target_rank", "settled_layer", "loss",
                             "loss_increase", "induction_score", "previous_token_score"})
      add_statistics(table, cases, name);
    table.attributes["cases"] = static_cast<std::int64_t>(cases.size());
    table.attributes["position"] = "last";
    summary.save("training", std::move(table));
  }

 private:
  /// Reads one checkpoint. Tools are attached to it; their receipts join those of the others.
  Reading read(const Case& c, const Checkpoint& one, const Tokens& tokens, Dataset& result) {
    one.context->begin_case();
    for (Tool* tool : {static_cast<Tool*>(&*lens_), static_cast<Tool*>(&*attention_),
                       static_cast<Tool*>(&*surgery_)})
      tool->attach(*one.context);
    const std::int64_t n = c.tokens().size();
    LogitLensOptions lens_options;
    lens_options.top_k = 1;
    const Dataset lens = lens_->analyze(tokens, lens_options);
    AttentionOptions attention_options;
    attention_options.patterns = {};
    attention_options.detectors = {"induction", "previous_token"};
    const Dataset attention = attention_->analyze(repeated_tokens(c), attention_options);
    const Dataset surgery = surgery_->operate(tokens, SurgeryOperation::delete_block);
    for (const Dataset* part : {&lens, &attention, &surgery})
      common::keep_worst(result, part->receipts);
    const auto of_prompt = [&](const char* name) { return lens[name].tensor.narrow(-1, 0, n); };
    return {of_prompt("target_rank"),
            of_prompt("target_log_probability"),
            of_prompt("kl_final_to_layer"),
            of_prompt("settled_layer"),
            of_prompt("target_id"),
            attention["detector_score"].tensor[0],
            attention["detector_score"].tensor[1],
            surgery["whole_loss"].tensor,
            surgery["loss_increase"].tensor};
  }

  static common::RepeatedForm form_of(const Model& model, const Parameters& parameters) {
    return {parameters.integer("length"), 2, common::start_token(model, parameters.text("start"))};
  }

  /// Random tokens of the case, twice.
  static Tokens repeated_tokens(const Case& c) {
    const common::RepeatedForm form = form_of(c.model(), c.parameters());
    Philox random(c.seed(), static_cast<std::uint64_t>(c.index()));
    return tokens_from_ids(c.model(),
                           common::repeated(common::random_tokens(c.model(), form, random), form));
  }

  Uses<LogitLens> lens_{this, "logit_lens"};
  Uses<Attention> attention_{this, "attention"};
  Uses<LayerSurgery> surgery_{this, "layer_surgery"};
  std::vector<Checkpoint> checkpoints_;  ///< in order; the model of the run is the last
};

}  // namespace training_dynamics

using training_dynamics::TrainingDynamics;

LENSBENCH_EXPERIMENT(TrainingDynamics, "training_dynamics", "1.0.0",
                     "When in training, and at which layer, does a prediction appear?");
