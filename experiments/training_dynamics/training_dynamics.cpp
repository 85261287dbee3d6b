// Formation of predictions over the training of a model: the logit lens on the same tokens at every
// checkpoint, scores of induction and previous-token heads, and blocks that all of the rest needs.

#include <lensbench/error.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/tools/attention.hpp>
#include <lensbench/tools/layer_surgery.hpp>
#include <lensbench/tools/logit_lens.hpp>

#include "checkpoints.hpp"
#include "common/repeated_tokens.hpp"
#include "common/results.hpp"
#include "common/target.hpp"
#include "readings.hpp"
#include "training.hpp"

namespace training_dynamics {
namespace {

using namespace lensbench;

/// The prompt with its target after it, so that every token of the prompt has a token that follows.
Tokens with_target(const Case& c) {
  std::vector<std::int64_t> ids = c.tokens().ids;
  ids.push_back(common::token_after(c));
  if (std::ssize(ids) > position_limit(c.model().spec()))
    throw UsageError("training_dynamics: case '" + c.id() + "' has " +
                     std::to_string(c.tokens().size()) +
                     " tokens, as many as the model has positions; leave one for the target");
  Tokens tokens = tokens_from_ids(c.model(), std::move(ids));
  tokens.pictures = c.tokens().pictures;
  return tokens;
}

}  // namespace

class TrainingDynamics final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"checkpoints", ParameterType::models, "", "",
       "earlier moments of the training run of the model, in order (default: the folders of steps "
       "in its folder `checkpoints`)"},
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
    const Tokens tokens = with_target(c);
    std::vector<Reading> readings;
    Dataset result;
    readings.reserve(checkpoints_.size());
    for (const Checkpoint& one : checkpoints_) readings.push_back(read(c, one, tokens, result));
    add_token_axis(result, c.tokens().ids, c.tokens().texts);
    add_axes(result, checkpoints_, c.model().spec());
    result.add("target_id", {"token"}, readings.back().target_id, "1",
               "token that follows; after the last one the target of the case", Holds::token_ids);
    add_readings(result, readings);
    if (c.parameters().list("checkpoints").empty()) record_checkpoints(c, result);
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
  /// Records the checkpoints that no parameter names, with their digests.
  void record_checkpoints(const Case& c, Dataset& result) const {
    for (std::size_t i = 0; i + 1 < checkpoints_.size(); ++i)
      c.context_of(checkpoints_[i].model)
          .record_model(result, "checkpoint_" + std::to_string(i + 1), *checkpoints_[i].model);
  }

  /// Reads one checkpoint. Tools are attached to it; their receipts join those of the others.
  Reading read(const Case& c, const Checkpoint& one, const Tokens& tokens, Dataset& result) {
    attach_tools(c.context_of(one.model));
    const std::int64_t n = c.tokens().size();
    LogitLensOptions lens_options;
    lens_options.top_k = 1;
    const Dataset lens = lens_->analyze(tokens, lens_options);
    const Dataset attention = attention_->analyze(repeated_tokens(c), detector_options());
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

  void attach_tools(Context& context) {
    for (Tool* tool : {static_cast<Tool*>(&*lens_), static_cast<Tool*>(&*attention_),
                       static_cast<Tool*>(&*surgery_)})
      tool->attach(context);
  }

  static AttentionOptions detector_options() {
    AttentionOptions options;
    options.patterns = {};
    options.detectors = {"induction", "previous_token"};
    return options;
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
