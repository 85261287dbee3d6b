// Formation of a prediction over the layers: the logit lens on every prompt, then statistics over
// prompts at their last position, or the last masked one of a masked-language model.

#include <ATen/ops/nonzero.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/logit_lens.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace lensbench;

/// Values [layer] of a variable [layer, token] at the last token, or at the last masked one. A
/// copy, since a view would keep the values of all tokens in memory.
at::Tensor at_followed_token(const Dataset& lens, const std::string& name) {
  const at::Tensor& values = lens[name].tensor;
  if (!lens.contains("masked")) return values.select(-1, -1).clone();
  return values.select(-1, lens["masked"].tensor.nonzero().max().item<std::int64_t>()).clone();
}

class PredictionTrajectory final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      {"top_k", ParameterType::integer, "10", "tokens", "candidates listed at each layer",
       "[1, inf)"},
      {"target", ParameterType::token, "model", "",
       "token whose rank is reported; a case's own field `target` wins", "next|model"},
      {"points", ParameterType::choices, "resid_post", "", "points to decode",
       "+resid_post|resid_pre|resid_mid|attn_out|mlp_out"},
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
    // Each case is read once, and only the rows of one position are kept.
    std::optional<Dataset> read;
    std::map<std::string, std::vector<at::Tensor>> rows;
    summary.for_each("lens", [&](std::int64_t, const Dataset& lens) {
      if (!read) read = lens;
      if (!lens.contains("entropy")) return;
      for (const char* name : kMeans) rows[name].push_back(at_followed_token(lens, name));
      rows[kSettled].push_back(at_followed_token(lens, kSettled));
    });
    if (rows.empty()) return;  // no case, or resid_post was not among the points
    const Dataset& first = *read;
    Dataset trajectory;
    add_layer_axis(trajectory, first.dim("layer") - 1);
    for (const char* name : kMeans) {
      statistics::add_over_cases(trajectory, first[name], {"layer"}, rows[name]);
      statistics::add_intervals(trajectory, first[name], {"layer"}, rows[name]);
    }
    add_settling(trajectory, rows[kSettled]);
    trajectory.attributes["cases"] = static_cast<std::int64_t>(summary.cases().size());
    trajectory.attributes["position"] = first.contains("masked") ? "last masked" : "last";
    summary.save("trajectory", std::move(trajectory));
  }

 private:
  static constexpr std::array<const char*, 4> kMeans = {"entropy", "kl_final_to_layer",
                                                        "target_probability", "target_rank"};
  static constexpr const char* kSettled = "settled_layer";

  /// Share of cases whose final answer is the first choice from this layer or an earlier one on.
  static void add_settling(Dataset& trajectory, const std::vector<at::Tensor>& cases) {
    at::Tensor settled = at::zeros({trajectory.dim("layer")}, at::kDouble);
    for (const at::Tensor& layer : cases) {
      const auto first = layer.item<std::int64_t>();
      // From the settled layer on, the case counts in all later layers.
      if (first >= 0) settled.slice(0, first) += 1.0;  // -1: it never settled
    }
    trajectory.add("settled_share", {"layer"}, settled.div(static_cast<double>(cases.size())), "1",
                   "share of cases whose final answer stays first from this layer on");
  }

  Uses<LogitLens> lens_{this, "logit_lens"};
};

}  // namespace

LENSBENCH_EXPERIMENT(PredictionTrajectory, "prediction_trajectory", "1.0.0",
                     "How does a prediction form over the layers?");
