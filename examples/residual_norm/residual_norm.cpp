#include <ATen/ATen.h>

#include <lensbench/plugin.hpp>

/// L2 norm of the residual stream at every layer and position.
class ResidualNorm final : public lensbench::Tool {
 public:
  lensbench::Dataset run(const lensbench::Tokens& tokens, const lensbench::Parameters&) override {
    const auto n_layers = model().spec().n_layers;
    const auto acts =
        context().activations(tokens, {"blocks.0.hook_resid_pre", "blocks.*.hook_resid_post"});
    std::vector<at::Tensor> norms = {acts.at("blocks.0.hook_resid_pre")[0].norm(2, -1)};
    for (std::int64_t layer = 0; layer < n_layers; ++layer)
      norms.push_back(
          acts.at("blocks." + std::to_string(layer) + ".hook_resid_post")[0].norm(2, -1));

    lensbench::Dataset result;
    add_layer_axis(result, n_layers);
    add_token_axis(result, tokens.ids, tokens.texts);
    result.add({.name = "residual_norm",
                .dims = {"layer", "token"},
                .tensor = at::stack(norms).to(at::kFloat),
                .long_name = "L2 norm of the residual stream"});
    return result;
  }
};

LENSBENCH_PLUGIN("residual_norm",
                 LENSBENCH_TOOL(ResidualNorm, "residual_norm", "1.0.0",
                                "L2 norm of the residual stream at every layer and position."));
