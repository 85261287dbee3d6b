#include <ATen/ATen.h>

#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tensor_file.hpp>

using namespace lensbench;

/// Tool: L2 norm of the residual stream after each layer at each token, compared with a threshold
/// that was learned from other texts.
class ResidualNorm final : public Tool {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"thresholds", ParameterType::file, "", "",
       "thresholds learned by residual_norm_thresholds: ARCHIVE.h5:results/thresholds"},
  };

  Dataset run(const Request& request) override {
    const Tokens& tokens = request.tokens();
    const auto n_layers = model().spec().n_layers;
    Dataset result;
    add_layer_axis(result, n_layers);
    add_token_axis(result, tokens.ids, tokens.texts);
    const at::Tensor norms = measure(tokens);
    result.add({.name = "residual_norm",
                .dims = {"layer", "token"},
                .tensor = norms,
                .long_name = "L2 norm of the residual stream"});
    if (const auto& file = request.parameters().text("thresholds"); !file.empty()) {
      const at::Tensor thresholds = TensorFile(file).read("threshold", {n_layers + 1});
      result.add({.name = "threshold",
                  .dims = {"layer"},
                  .tensor = thresholds,
                  .long_name = "learned threshold of the norm"});
      result.add({.name = "exceeds",
                  .dims = {"layer", "token"},
                  .tensor = norms.to(at::kDouble) > thresholds.unsqueeze(1),
                  .long_name = "the norm is larger than its threshold"});
      context().record_file(result, "thresholds", file);
    }
    return result;
  }

 private:
  /// Norms [layer, token] float32.
  at::Tensor measure(const Tokens& tokens) {
    std::vector<std::string> hooks;
    for (std::int64_t layer = 0; layer <= model().spec().n_layers; ++layer)
      hooks.push_back(residual_hook(model().spec(), layer));
    const auto stream = context().activations(tokens, hooks);
    std::vector<at::Tensor> norms;
    for (const auto& hook : hooks) norms.push_back(stream.at(hook)[0].to(at::kFloat).norm(2, -1));
    return at::stack(norms);
  }
};

/// Experiment that learns the thresholds: for each layer the quantile of the norms of all tokens of
/// all prompts except the first token of each, whose norm has another size in many models.
class ResidualNormThresholds final : public Experiment {
  Uses<Tool> norm{this, "residual_norm"};

 public:
  static constexpr ParameterSpec kParameters[] = {
      {"quantile", ParameterType::number, "0.99", "1", "share of tokens below the threshold",
       "(0, 1)"},
  };

  void run(Case& c) override { c.save("norms", norm->run(c.tokens(), {})); }

  void finish(Summary& summary) override {
    const double q = summary.parameters().number("quantile");
    if (summary.cases().empty()) return;
    std::vector<at::Tensor> parts;
    for (const auto number : summary.cases())
      parts.push_back(summary.dataset(number, "norms")["residual_norm"].tensor.slice(1, 1));
    const at::Tensor norms = at::cat(parts, 1);  // [layer, tokens of all cases]
    if (norms.size(1) == 0)
      throw UsageError(
          "residual_norm_thresholds: the prompts have one token each; give longer ones");
    std::vector<double> thresholds;
    for (std::int64_t layer = 0; layer < norms.size(0); ++layer)
      thresholds.push_back(statistics::quantile(statistics::values_of(norms[layer]), q));

    Dataset result;
    add_layer_axis(result, norms.size(0) - 1);
    result.add({.name = "threshold",
                .dims = {"layer"},
                .tensor = at::tensor(thresholds, at::kDouble),
                .long_name = "quantile of the norm of the residual stream"});
    result.attributes["quantile"] = q;
    result.attributes["tokens"] = norms.size(1);
    summary.save("thresholds", std::move(result));
  }
};

LENSBENCH_PLUGIN(
    "residual_norm",
    LENSBENCH_TOOL(ResidualNorm, "residual_norm", "2.0.0",
                   "L2 norm of the residual stream, compared with a learned threshold."),
    LENSBENCH_EXPERIMENT_ENTRY(ResidualNormThresholds, "residual_norm_thresholds", "1.0.0",
                               "Which norm of the residual stream is unusual at each layer?"));
