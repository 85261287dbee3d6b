// Audit of a model's own continuations: how it chose each token, and a summary for each prompt with
// surprisal, share of tokens that were not the first choice, and jumps of uncertainty.

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/token_analyzer.hpp>

namespace {

using namespace lensbench;
using statistics::values_of;

/// Values of a variable [token] at the generated tokens.
std::vector<double> of_generated(const Dataset& audit, const std::string& name) {
  return values_of(audit[name].tensor.masked_select(audit["generated"].tensor.to(at::kBool)));
}

class GenerationAudit final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"max_new_tokens", ParameterType::integer, "40", "tokens", "number of tokens to generate",
       "[0, inf)"},
      {"temperature", ParameterType::number, "0", "1", "temperature of sampling; 0 is greedy",
       "[0, inf)"},
      {"sample_top_k", ParameterType::integer, "0", "tokens",
       "sample from this many best tokens; 0: all", "[0, inf)"},
      {"sample_top_p", ParameterType::number, "1", "1",
       "sample from the nucleus of this probability; 1: all", "(0, 1]"},
      {"top_k", ParameterType::integer, "10", "tokens", "candidates listed at each step",
       "[0, inf)"},
      {"temperatures", ParameterType::numbers, "", "1", "temperatures to compare at each step",
       "[0, inf)"},
      {"entropy_jump_threshold", ParameterType::number, "3.5", "1",
       "robust z-score of the entropy above which a token is a jump"},
  };

  void run(Case& c) override {
    const Parameters& given = c.parameters();
    TokenAnalyzerOptions options;
    options.max_new_tokens = given.integer("max_new_tokens");
    // Each case has a seed of its own by its number, so that prompts are not sampled with the same
    // random numbers.
    options.sampling = {given.number("temperature"), given.integer("sample_top_k"),
                        given.number("sample_top_p"),
                        c.seed() + static_cast<std::uint64_t>(c.index())};
    options.top_k = given.integer("top_k");
    options.temperatures = given.numbers("temperatures");
    // Sizes of nuclei are not part of the audit.
    options.nucleus = {};
    options.entropy_jump_threshold = given.number("entropy_jump_threshold");
    c.save("audit", analyzer_->analyze(c.tokens(), options));
  }

  // One row per case, from the saved datasets: cases of a resumed run count like those just
  // computed.
  void finish(Summary& summary) override {
    std::vector<Dataset> audits;
    for (const auto number : summary.cases()) audits.push_back(summary.dataset(number, "audit"));
    if (audits.empty()) return;

    Dataset table;
    table.add_coordinate("case", at::tensor(summary.cases(), at::kLong).to(at::kInt));
    const auto add = [&](const char* name, const char* units, const char* long_name,
                         auto value_of) {
      std::vector<double> values;
      values.reserve(audits.size());
      for (const Dataset& audit : audits) values.push_back(value_of(audit));
      table.add(name, {"case"}, at::tensor(values, at::kDouble), units, long_name);
    };
    add("new_tokens", "1", "tokens generated", [](const Dataset& audit) {
      return static_cast<double>(of_generated(audit, "surprisal").size());
    });
    add("perplexity", "1", "perplexity of the generated tokens (NaN: there are none)",
        [](const Dataset& audit) { return audit["generated_perplexity"].tensor.item<double>(); });
    add("surprisal", "nats", "mean surprisal of the generated tokens (NaN: there are none)",
        [](const Dataset& audit) { return statistics::mean(of_generated(audit, "surprisal")); });
    add("entropy", "nats", "mean entropy of the generated tokens (NaN: there are none)",
        [](const Dataset& audit) { return statistics::mean(of_generated(audit, "entropy")); });
    add("off_first_choice", "1",
        "share of generated tokens that were not the first choice (NaN: there are none)",
        [](const Dataset& audit) {
          return statistics::mean(of_generated(audit, "left_first_choice"));
        });
    add("entropy_jumps", "1", "generated tokens at which the entropy jumped",
        [](const Dataset& audit) {
          const auto jumps = of_generated(audit, "entropy_jump");
          return static_cast<double>(std::count(jumps.begin(), jumps.end(), 1.0));
        });
    summary.save("summary", std::move(table));
  }

 private:
  Uses<TokenAnalyzer> analyzer_{this, "token_analyzer"};
};

}  // namespace

LENSBENCH_EXPERIMENT(GenerationAudit, "generation_audit", "1.0.0",
                     "How did the model choose each token, and where was it unsure?");
