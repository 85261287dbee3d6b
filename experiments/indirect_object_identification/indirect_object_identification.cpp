// Indirect object identification: whether the model names the person who was named once, and if it
// does, which heads and edges do it. Half of the traced prompts choose them, the other half
// measures.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include <lensbench/error.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/tools/activation_patching.hpp>
#include <lensbench/tools/attention.hpp>
#include <lensbench/tools/edge_attribution.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <lensbench/tools/path_patching.hpp>
#include <optional>

#include "behaviour.hpp"
#include "circuit.hpp"
#include "common/read_once.hpp"
#include "common/results.hpp"
#include "edges.hpp"
#include "prompts.hpp"

namespace indirect_object_identification {
namespace {

using namespace lensbench;

/// Whether contributions of single heads are defined.
bool has_single_heads(const Model& model) {
  return model.spec().norm_placement == NormPlacement::before;
}

bool with_single_heads(const Summary& cases) {
  const Dataset first = cases.dataset(cases.cases().front(), "prompts");
  return std::get<std::int64_t>(first.attributes.at("single_heads")) == 1;
}

MetricOptions difference_to(std::int64_t b_id) {
  MetricOptions metric;
  metric.versus = Target::token(b_id);
  return metric;
}

void add_head_axes(Dataset& dataset, const AttentionSpec& attention, std::int64_t n_layers) {
  dataset.add_coordinate("block", at::arange(n_layers, at::kInt), "block, from 0");
  dataset.add_coordinate("head", at::arange(attention.n_heads, at::kInt), "head, from 0");
}

/// Numbers of one prompt.
struct HeadNumbers {
  at::Tensor direct, z, q;  ///< [block, head]
  at::Tensor k, v;          ///< [block, kv_head]
  at::Tensor attention;     ///< [place, block, head]
  at::Tensor gap;           ///< []
};

at::Tensor stacked(const std::vector<HeadNumbers>& all, at::Tensor HeadNumbers::*number) {
  std::vector<at::Tensor> parts;
  parts.reserve(all.size());
  for (const HeadNumbers& one : all) parts.push_back(one.*number);
  return at::stack(parts);
}

LayerAttributionOptions direct_options(const Prompt& prompt) {
  LayerAttributionOptions options;
  options.versus = Target::token(prompt.b_id);
  options.ablation = {};
  return options;
}

ActivationPatchingOptions patching_options(const Prompt& prompt) {
  ActivationPatchingOptions options;
  options.metric = difference_to(prompt.b_id);
  options.points = {};
  options.head_points = {"z", "q", "k", "v"};
  options.by_position = false;
  return options;
}

PathPatchingOptions path_options(const std::vector<std::string>& receivers) {
  PathPatchingOptions options;
  options.senders = {"heads"};
  options.receivers = receivers;
  options.recompute_mlps = true;
  return options;
}

void add_axes(Dataset& result, const TransformerSpec& spec, std::int64_t prompts) {
  add_head_axes(result, spec.attention, spec.n_layers);
  result.add_coordinate("kv_head", at::arange(spec.attention.n_key_value_heads, at::kInt),
                        "head of keys and values, from 0");
  result.add_coordinate("place", std::vector<std::string>{"A", "first B", "second B"},
                        "name that the last token looks at");
  result.add_coordinate("traced", at::arange(prompts, at::kInt), "prompt, as in `prompts`");
}

/// Changes by the activations of the clean prompt.
void add_effects(Dataset& result, const std::vector<HeadNumbers>& all) {
  const std::vector<std::string> by_head = {"traced", "block", "head"},
                                 by_kv_head = {"traced", "block", "kv_head"};
  const auto add_effect = [&](const char* name, const char* long_name, const auto& dims,
                              at::Tensor HeadNumbers::*number) {
    result.add(name, dims, stacked(all, number), "1",
               std::string("change of the corrupted logit difference with the head's ") +
                   long_name + " of the clean prompt");
  };
  add_effect("z_effect", "output", by_head, &HeadNumbers::z);
  add_effect("q_effect", "query", by_head, &HeadNumbers::q);
  add_effect("k_effect", "key", by_kv_head, &HeadNumbers::k);
  add_effect("v_effect", "value", by_kv_head, &HeadNumbers::v);
}

/// \param traced  number of prompts that are traced, of which the last ones measure
void add_paths(Dataset& result, const std::vector<std::string>& receivers,
               const TransformerSpec& spec, const at::Tensor& effects, const at::Tensor& gaps,
               std::int64_t traced) {
  result.add_coordinate("receiver", receivers, "query that reads another run's head");
  add_head_axes(result, spec.attention, spec.n_layers);
  result.add_coordinate("measured", at::arange(traced - gaps.size(0), traced, at::kInt),
                        "prompt, as in `prompts`");
  result.add("effect", {"measured", "receiver", "block", "head"}, effects, "1",
             "change of the logit difference where the receiver alone reads this head's output "
             "of the corrupted prompt (NaN: the receiver is not later)");
  result.add("gap", {"measured"}, gaps, "1",
             "logit difference of the corrupted prompt minus that of the clean one");
}

}  // namespace

class IndirectObjectIdentification final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"templates", ParameterType::file, nullptr, "",
       "sentences, one in each line, with the slots {A} (once) and {B} (twice); the name A must "
       "follow"},
      {"names", ParameterType::file, nullptr, "",
       "names for the slots, one in each line, each one token of the vocabulary"},
      {"prompts", ParameterType::integer, "120", "1",
       "prompts of each case, of all templates and both orders of the names alike",
       "[100, 1000000]"},
      {"minimum_accuracy", ParameterType::number, "0.7", "1",
       "share of prompts that a model which does the task gets right; below it, heads are not "
       "examined",
       "[0, 1]"},
      {"traced", ParameterType::integer, "40", "1",
       "prompts of each case on which heads are examined: half of them choose heads, the other "
       "half measures",
       "[4, 1000000]"},
      {"top_k", ParameterType::integer, "3", "1", "heads of each list", "[1, 100]"},
      {"edge_method", ParameterType::choice, "ig_inputs", "",
       "how edges are scored, as the method of edge_attribution",
       "eap|clean_corrupted|ig_inputs|ig_activations|exact"},
      {"edge_steps", ParameterType::integer, "10", "1",
       "points of the integral of the methods that integrate", "[1, 1000]"},
      {"proportions", ParameterType::numbers, "0.01,0.02,0.05,0.1,0.2,0.5,1", "1",
       "shares of the edges that circuits keep; empty: edges are not examined", "[0, 1]"},
      {"random_draws", ParameterType::integer, "5", "1", "random circuits for each share",
       "[0, 1000]"},
  };

  // The first pass measures what the model does; the second one examines heads and edges, and the
  // third one the paths into the heads and the circuits of the edges that the second one chose.
  std::int64_t passes(const Parameters&) const override { return 3; }

  void check_parameters(const Parameters& parameters, const Model& model) override {
    if (model.spec().masked_language_model)
      throw UsageError(
          "indirect_object_identification: the model predicts masked tokens, not the next one; "
          "give a causal model");
    if (parameters.integer("traced") > parameters.integer("prompts"))
      throw UsageError("indirect_object_identification: parameter 'traced' is " +
                       std::to_string(parameters.integer("traced")) + ", but there are " +
                       std::to_string(parameters.integer("prompts")) +
                       " prompts; give at most as many");
    form_ = read_form(model, parameters);
    circuits_ = at::Tensor();
  }

  void run(Case& c) override {
    const auto prompts = draw_prompts(c.model(), form(c), c.parameters().integer("prompts"),
                                      c.seed(), static_cast<std::uint64_t>(c.index()));
    if (c.pass() == 0) {
      Dataset measured = measure(c.model(), form(c), prompts);
      measured.attributes["single_heads"] = static_cast<std::int64_t>(has_single_heads(c.model()));
      c.save("prompts", std::move(measured));
      return;
    }
    if (!examines_.of(c, examines_heads)) return;
    const auto middle = prompts.begin() + c.parameters().integer("traced") / 2;
    const auto end = prompts.begin() + c.parameters().integer("traced");
    if (c.pass() == 1) {
      examine_heads(c, {prompts.begin(), end});
      if (examines_edges(c.parameters()))
        c.save("edges", score_edges(edges_, {prompts.begin(), middle}, c.parameters()));
    } else {
      examine_paths(c, {middle, end});
      if (examines_edges(c.parameters())) examine_circuits(c, {middle, end});
    }
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    const common::ReadOnce cases(summary);
    Dataset table = behaviour_of(cases);
    const double minimum = summary.parameters().number("minimum_accuracy");
    const bool examined = examines_heads(cases);
    std::string heads = "not examined";
    if (examined)
      heads = "see top_heads, circuit, circuit_paths, edge_circuit";
    else if (!with_single_heads(cases))
      heads = "not examined: a norm follows the sublayers";
    add_findings(table, minimum, heads);
    table.attributes["minimum_accuracy"] = minimum;
    summary.save("behaviour", std::move(table));
    if (examined) sum_up_heads(cases, summary);
  }

 private:
  /// Templates and names, which are the same for all cases.
  const Form& form(const Case& c) {
    if (!form_) form_ = read_form(c.model(), c.parameters());
    return *form_;
  }

  /// Whether the model does the task, as the first pass says, and has heads to examine.
  static bool examines_heads(const Summary& cases) {
    return with_single_heads(cases) &&
           accuracy_of(cases) >= cases.parameters().number("minimum_accuracy");
  }

  static bool examines_edges(const Parameters& given) { return !shares_of(given).empty(); }

  HeadNumbers numbers_of(const Prompt& prompt, Dataset& receipts) {
    const Target a = Target::token(prompt.a_id);
    const Dataset direct = attribution_->to_logit(prompt.tokens, a, direct_options(prompt));
    const Dataset patched =
        patching_->patch(prompt.tokens, prompt.corrupted, a, patching_options(prompt));
    AttentionOptions attention;
    attention.detectors = {};
    const Dataset pattern = attention_->analyze(prompt.tokens, attention);
    for (const Dataset* part : {&direct, &patched, &pattern})
      common::keep_worst(receipts, part->receipts);
    const at::Tensor last = pattern["pattern"].tensor.select(2, -1);  // [block, head, key]
    const auto looks = [&](std::size_t place) {
      return last.select(2, prompt.names[place]).to(at::kDouble);
    };
    const auto effect = [&](const char* name) { return patched[name].tensor; };
    return {direct["head_contribution"].tensor.select(2, -1),
            effect("z_head_effect"),
            effect("q_head_effect"),
            effect("k_head_effect"),
            effect("v_head_effect"),
            at::stack({looks(0), looks(1), looks(2)}),
            patched["gap"].tensor};
  }

  void examine_heads(Case& c, const std::vector<Prompt>& prompts) {
    Dataset result;
    std::vector<HeadNumbers> all;
    all.reserve(prompts.size());
    for (const Prompt& one : prompts) all.push_back(numbers_of(one, result));
    const TransformerSpec& spec = c.model().spec();
    add_axes(result, spec, std::ssize(prompts));
    result.add("direct", {"traced", "block", "head"}, stacked(all, &HeadNumbers::direct), "1",
               "contribution of the head to the logit of A minus that of B, at the last token");
    add_effects(result, all);
    result.add("attention", {"traced", "place", "block", "head"},
               stacked(all, &HeadNumbers::attention), "1",
               "attention from the last token to the name");
    result.add("gap", {"traced"}, stacked(all, &HeadNumbers::gap), "1",
               "logit difference of the clean prompt minus that of the corrupted one");
    c.save("heads", std::move(result));
  }

  void examine_paths(Case& c, const std::vector<Prompt>& prompts) {
    const std::vector<std::string>& receivers = receivers_.of(c, [&](const Summary& cases) {
      return receivers_of(choose_heads(cases, c.parameters().integer("top_k")));
    });
    if (receivers.empty()) return;
    const TransformerSpec& spec = c.model().spec();
    PathPatchingOptions options = path_options(receivers);
    Dataset result;
    std::vector<at::Tensor> effects, gaps;
    for (const Prompt& one : prompts) {
      options.metric = difference_to(one.b_id);
      const Dataset found =
          paths_->patch_paths(one.tokens, one.corrupted, Target::token(one.a_id), options);
      common::keep_worst(result, found.receipts);
      // Senders are in the order of blocks and heads.
      effects.push_back(found["effect"].tensor.t().reshape(
          {std::ssize(receivers), spec.n_layers, spec.attention.n_heads}));
      gaps.push_back(found["gap"].tensor);
    }
    add_paths(result, receivers, spec, at::stack(effects), at::stack(gaps),
              c.parameters().integer("traced"));
    c.save("paths", std::move(result));
  }

  /// Runs the circuits of the edges that the choosing prompts of all cases ranked first.
  void examine_circuits(Case& c, const std::vector<Prompt>& prompts) {
    if (!circuits_.defined()) circuits_ = chosen_circuits(c.earlier());
    c.save("edge_circuits", run_edge_circuits(edges_, prompts, circuits_, c.parameters()));
  }

  /// \param cases  the results of `summary`
  static void sum_up_heads(const Summary& cases, Summary& summary) {
    const statistics::Resampling resampling{.seed = cases.seed()};
    const Selection selection = choose_heads(cases, cases.parameters().integer("top_k"));
    const Dataset heads = heads_of(cases, resampling);
    std::optional<Dataset> paths;
    if (!receivers_of(selection).empty()) paths = paths_of(cases, resampling);
    summary.save("top_heads", chosen_heads(selection, heads, paths ? &*paths : nullptr));
    summary.save("circuit", heads);
    if (paths) summary.save("circuit_paths", *paths);
    if (examines_edges(summary.parameters())) summary.save("edge_circuit", edge_circuit_of(cases));
  }

  Uses<LayerAttribution> attribution_{this, "layer_attribution"};
  Uses<ActivationPatching> patching_{this, "activation_patching"};
  Uses<PathPatching> paths_{this, "path_patching"};
  Uses<Attention> attention_{this, "attention"};
  Uses<EdgeAttribution> edges_{this, "edge_attribution"};
  std::optional<Form> form_;
  common::OncePerPass<bool> examines_;
  common::OncePerPass<std::vector<std::string>> receivers_;
  at::Tensor circuits_;  ///< circuits for all cases, from the second pass
};

}  // namespace indirect_object_identification

using indirect_object_identification::IndirectObjectIdentification;

LENSBENCH_EXPERIMENT(IndirectObjectIdentification, "indirect_object_identification", "1.0.0",
                     "Does the model name the one who was named once, and which heads do it?");
