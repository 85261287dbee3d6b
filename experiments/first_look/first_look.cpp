#include <lensbench/plugin.hpp>
#include <lensbench/tools/layer_attribution.hpp>
#include <lensbench/tools/logit_lens.hpp>
#include <lensbench/tools/token_analyzer.hpp>

namespace {

using namespace lensbench;

/// First look inside a model: prediction of each layer, contribution of each layer to the answer,
/// and choice of the next tokens.
class FirstLook final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"target", ParameterType::token, "model", "", "token whose logit is attributed",
       "model|next"},
      {"max_new_tokens", ParameterType::integer, "12", "tokens", "number of tokens to generate",
       "[0, inf)"},
      {"top_k", ParameterType::integer, "5", "tokens", "candidates listed at each layer and step",
       "[1, inf)"},
  };

  // The three results are separate datasets: each has the axes and the picture of its tool.
  void run(Case& c) override {
    const auto& parameters = c.parameters();
    c.save("lens", lens->analyze(c.tokens(), {.top_k = parameters.integer("top_k")}));
    c.save("attribution", attribution->to_logit(c.tokens(), c.target()));
    c.save("generation",
           analyzer->analyze(c.tokens(), {.top_k = parameters.integer("top_k"),
                                          .max_new_tokens = parameters.integer("max_new_tokens")}));
  }

 private:
  Uses<LogitLens> lens{this, "logit_lens"};
  Uses<LayerAttribution> attribution{this, "layer_attribution"};
  Uses<TokenAnalyzer> analyzer{this, "token_analyzer"};
};

}  // namespace

LENSBENCH_EXPERIMENT(FirstLook, "first_look", "1.0.0",
                     "First look inside: predictions by layer, contributions, and choices.");
