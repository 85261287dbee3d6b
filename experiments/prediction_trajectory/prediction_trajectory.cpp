// Formation of a prediction over the layers: the logit lens on every prompt, then statistics over
// prompts at their last position, or the last masked one of a masked-language model.

#include <ATen/ops/nonzero.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/logit_lens.hpp>

namespace {

using namespace lensbench;

/// Values [layer] of a variable [layer, token] at the last token, or at the last masked one.
at::Tensor at_followed_token(const Dataset& lens, const std::string& name) {
  const at::Tensor& values = lens[name].tensor;
  if (!lens.contains("masked")) return values.select(-1, -1);
  return values.select(-1, lens["masked"].tensor.nonzero().max().item<std::int64_t>());
}

class PredictionTrajectory final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"top_k", ParameterType::integer, "10", "tokens", "candidates listed at each layer",
       "[1, inf)"},
      {"target", ParameterType::token, "model", "",
       "token whose rank is reported; a case's own field `target` wins", "next|model"},
      {"points", ParameterType::choices, "resid_post", "", "points to decode",
       "resid_post|resid_pre|resid_mid|attn_out|mlp_out"},
  };

  void run(Case& c) override {
    LogitLensOptions options;
    options.top_k = c.parameters().integer("top_k");
    options.target = c.target();
    options.points = c.parameters().list("points");
    Dataset lens = lens_->analyze(c.tokens(), options);
    // A masked-language model predicts at mask tokens only: without one there is no trajectory.
    if (lens.contains("masked") && !lens["masked"].tensor.any().item<bool>())
      throw UsageError(
          "prediction_trajectory: the prompt lacks a mask token, where a masked-language model "
          "predicts; add one");
    c.save("lens", std::move(lens));
  }

  void finish(Summary& summary) override {
    if (summary.cases().empty()) return;
    const Dataset first = summary.dataset(summary.cases().front(), "lens");
    if (!first.contains("entropy")) return;  // resid_post was not among the points

    Dataset trajectory;
    add_layer_axis(trajectory, first.dim("layer") - 1);
    for (const char* name : {"entropy", "kl_final_to_layer", "target_probability", "target_rank"}) {
      const auto cases = over_cases(summary, name);
      statistics::add_over_cases(trajectory, first[name], {"layer"}, cases);
      statistics::add_intervals(trajectory, first[name], {"layer"}, cases);
    }
    add_settling(trajectory, summary);
    trajectory.attributes["cases"] = static_cast<std::int64_t>(summary.cases().size());
    trajectory.attributes["position"] = first.contains("masked") ? "last masked" : "last";
    summary.save("trajectory", std::move(trajectory));
  }

 private:
  // Values [layer] of each case; cases are read one after the other, since only these rows are
  // kept.
  static std::vector<at::Tensor> over_cases(const Summary& summary, const std::string& name) {
    std::vector<at::Tensor> rows;
    for (const auto number : summary.cases())
      rows.push_back(at_followed_token(summary.dataset(number, "lens"), name));
    return rows;
  }

  /// Share of cases whose final answer is the first choice from this layer or an earlier one on.
  static void add_settling(Dataset& trajectory, const Summary& summary) {
    at::Tensor settled = at::zeros({trajectory.dim("layer")}, at::kDouble);
    for (const at::Tensor& layer : over_cases(summary, "settled_layer")) {
      const auto first = layer.item<std::int64_t>();
      // From the settled layer on, the case counts in all later layers.
      if (first >= 0) settled.slice(0, first) += 1.0;  // -1: it never settled
    }
    trajectory.add("settled_share", {"layer"},
                   settled.div(static_cast<double>(summary.cases().size())), "1",
                   "share of cases whose final answer stays first from this layer on");
  }

  Uses<LogitLens> lens_{this, "logit_lens"};
};

}  // namespace

LENSBENCH_EXPERIMENT(PredictionTrajectory, "prediction_trajectory", "1.0.0",
                     "How does a prediction form over the layers?");
