// Shift of a model toward the words of a domain: log odds of terms by the logit lens in a model and
// in a tuned one, layer by layer, with intervals over texts.

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>

#include <filesystem>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <optional>

#include "common/results.hpp"
#include "common/tokenizers.hpp"
#include "log_odds.hpp"

namespace domain_shift {
namespace {

using namespace lensbench;

// Two orders of summation, as for the logit lens: in float32, and in half precision.
constexpr double kTolerance = 2e-5, kHalfTolerance = 2e-2;

void check_pair(const Model& base, const Model& tuned, const std::string& path) {
  std::string problem;
  if (base.spec().masked_language_model || tuned.spec().masked_language_model)
    problem = "it predicts masked tokens, or the model of the run does";
  else if (base.spec().n_layers != tuned.spec().n_layers)
    problem = "it has " + std::to_string(tuned.spec().n_layers) + " blocks, expected " +
              std::to_string(base.spec().n_layers);
  else if (base.spec().vocab_size != tuned.spec().vocab_size)
    problem = "its vocabulary has " + std::to_string(tuned.spec().vocab_size) +
              " tokens, expected " + std::to_string(base.spec().vocab_size);
  else
    problem = common::tokenizer_difference(base, tuned);
  if (!problem.empty())
    throw InputError("domain_shift: parameter 'tuned': '" + path + "' cannot be compared with '" +
                     base.directory().string() + "': " + problem +
                     "; give a causal model that was tuned from the model of the run");
}

/// Mean over the tokens of each case, [...] from [..., token].
std::vector<at::Tensor> over_cases(const std::vector<Dataset>& cases, const std::string& name) {
  std::vector<at::Tensor> all;
  all.reserve(cases.size());
  for (const Dataset& one : cases) {
    const at::Tensor& values = one[name].tensor;
    all.push_back(one[name].dims.back() == "token" ? values.mean(-1) : values);
  }
  return all;
}

void add_statistics(Dataset& table, const std::vector<Dataset>& cases, const std::string& name,
                    bool test) {
  Variable like = cases.front()[name];
  std::vector<std::string> dims = like.dims;
  if (dims.back() == "token") {
    dims.pop_back();
    like.long_name += ", mean over the tokens of a text";
  }
  const auto values = over_cases(cases, name);
  statistics::add_over_cases(table, like, dims, values);
  statistics::add_intervals(table, like, dims, values);
  if (test) statistics::add_tests_against_zero(table, like, dims, values);
}

}  // namespace

class DomainShift final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"tuned", ParameterType::model, nullptr, "",
       "model that was tuned from the model of the run"},
      {"terms", ParameterType::file, nullptr, "",
       "words of the domain, one token in each line, with its leading blank"},
  };

  void check_parameters(const Parameters& parameters, const Model& model) override {
    Experiment::check_parameters(parameters, model);
    open(parameters, model);
  }

  void run(Case& c) override {
    open(c.parameters(), c.model());
    const Model& tuned = *tuned_;
    const LogOdds before = log_odds_of(c.model(), c.tokens(), *terms_);
    const LogOdds after = log_odds_of(tuned, c.tokens(), *terms_);
    Dataset result;
    add_token_axis(result, c.tokens().ids, c.tokens().texts);
    add_layer_axis(result, c.model().spec().n_layers);
    result.add_coordinate("model", std::vector<std::string>{"base", "tuned"}, "model that is read");
    result.add_coordinate("term", terms_->texts, "term of the file");
    result.add("term_log_odds", {"model", "layer", "token"}, at::stack({before.all, after.all}),
               "nats", "ln(p / (1 - p)) of the terms together as the next token");
    result.add("shift", {"layer", "token"}, after.all - before.all, "nats",
               "log odds of the terms together in the tuned model minus those in the base");
    result.set_attribute("shift", "view", std::string("heatmap"));
    result.add("term_shift", {"layer", "term"}, (after.by_term - before.by_term).mean(1), "nats",
               "log odds of one term in the tuned model minus those in the base, mean over tokens");
    const bool wide =
        c.model().options().dtype == at::kFloat || c.model().options().dtype == at::kDouble;
    result.receipts.push_back(make_receipt("last_layer_equals_logits",
                                           std::max(before.error, after.error),
                                           wide ? kTolerance : kHalfTolerance,
                                           "log odds at the last token, from the lens and from the "
                                           "model's own logits, over the largest "
                                           "logit"));
    c.save("log_odds", std::move(result));
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    std::vector<Dataset> cases;
    summary.for_each("log_odds", [&](auto, const Dataset& one) { cases.push_back(one); });
    Dataset table;
    for (const char* axis : {"layer", "layer_label", "model", "term"})
      table.add(cases.front()[axis]);
    add_statistics(table, cases, "shift", true);
    add_statistics(table, cases, "term_shift", true);
    add_statistics(table, cases, "term_log_odds", false);
    table.attributes["texts"] = static_cast<std::int64_t>(cases.size());
    // Only the name, since the path does not change the result.
    table.attributes["tuned"] =
        std::filesystem::path(summary.parameters().text("tuned")).filename().string();
    summary.save("domain_shift", std::move(table));
  }

 private:
  /// Reads the tuned model and the terms, which are the same for all cases, once.
  void open(const Parameters& parameters, const Model& base) {
    if (tuned_ != nullptr) return;
    const std::string& path = parameters.text("tuned");
    auto model = Model::open(path, base.options());
    check_pair(base, *model, path);
    terms_ = read_terms(base, parameters.text("terms"));
    tuned_ = std::move(model);
  }

  std::shared_ptr<const Model> tuned_;
  std::optional<Terms> terms_;
};

}  // namespace domain_shift

using domain_shift::DomainShift;

LENSBENCH_EXPERIMENT(DomainShift, "domain_shift", "1.0.0",
                     "At which layer does a tuned model prefer the words of its domain?");
