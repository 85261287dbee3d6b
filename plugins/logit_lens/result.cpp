#include "result.hpp"

#include <ATen/ATen.h>

#include <utility>

namespace lensbench::lens {

void add(Dataset& dataset, const std::string& name, std::vector<std::string> dims,
         at::Tensor values, const std::string& long_name, const std::string& units, Holds holds) {
  Variable variable;
  variable.name = name;
  variable.dims = std::move(dims);
  variable.tensor = std::move(values);
  variable.long_name = long_name;
  variable.units = units;
  variable.holds = holds;
  dataset.add(std::move(variable));
}

void add_point(Dataset& dataset, const std::string& point, const std::string& axis,
               const Answer& answer) {
  const std::string prefix = point == "resid_post" ? "" : point + "_";
  const std::string of = prefix.empty() ? "" : " decoded from " + point;
  const std::vector<std::string> grid = {axis, "token"}, ranked = {axis, "token", "rank"};
  const Readout& r = answer.readout;
  add(dataset, prefix + "top_id", ranked, r.top_ids.to(at::kInt),
      "tokens of largest probability" + of, "1", Holds::token_ids);
  add(dataset, prefix + "top_probability", ranked, r.top_probabilities,
      "probability of each of them");
  add(dataset, prefix + "top_logit", ranked, r.top_logits, "logit of each of them");
  add(dataset, prefix + "entropy", grid, r.entropy, "entropy of the distribution" + of, "nats");
  add(dataset, prefix + "kl_final_to_layer", grid, r.kl_to_last,
      "divergence of the model's own distribution from the one" +
          (of.empty() ? " at this layer" : of),
      "nats");
  if (answer.cross_entropy.defined())
    add(dataset, prefix + "cross_entropy", grid, answer.cross_entropy,
        "-ln probability of the token that follows; NaN at the last position, which none follows",
        "nats");
  add(dataset, prefix + "target_probability", grid, r.target_log_probabilities.exp(),
      "probability of the target (NaN: position not scored)");
  add(dataset, prefix + "target_log_probability", grid, r.target_log_probabilities,
      "ln probability of the target (NaN: position not scored)", "nats");
  add(dataset, prefix + "target_rank", grid, r.target_ranks,
      "1 + number of tokens with a strictly larger logit than the target");
  add(dataset, prefix + "target_logit", grid, r.target_logits,
      "logit of the target (NaN: position not scored)");
}

void add_masked(Dataset& dataset, const at::Tensor& masked) {
  add(dataset, "masked", {"token"}, masked.to(at::kChar),
      "1 at mask tokens, the positions a masked-language model predicts");
  dataset.attributes["scored_positions"] =
      masked.any().item<bool>()
          ? "the masked ones: elsewhere target_id and target_rank are -1, other target figures NaN"
          : "all, since the prompt has no mask token: a masked-language model sees each token it "
            "predicts there";
}

void add_settling(Dataset& dataset, const Answer& answer) {
  const at::Tensor top = answer.readout.top_ids.select(2, 0);
  const at::Tensor is_final = top.eq(answer.predicted_ids.unsqueeze(0));
  // Layers, from the last down, in an unbroken run of the final answer.
  const at::Tensor run = is_final.flip(0).to(at::kInt).cumprod(0).sum(0);
  const at::Tensor settled = top.size(0) - run;
  add(dataset, "settled_layer", {"token"}, settled.masked_fill(run.eq(0), -1).to(at::kInt),
      "first layer from which the model's own prediction stays rank 1; -1: never");
  at::Tensor leaves = at::zeros(top.sizes(), at::kChar);
  if (top.size(0) > 1)
    leaves.narrow(0, 1, top.size(0) - 1)
        .copy_(is_final.narrow(0, 0, top.size(0) - 1)
                   .logical_and(is_final.narrow(0, 1, top.size(0) - 1).logical_not()));
  add(dataset, "leaves_top", {"layer", "token"}, leaves,
      "1 where the model's own prediction was rank 1 at the layer before and is not here");
}

void add_attributes(Dataset& dataset, const Model& model, const Tokens& tokens,
                    const LogitLensOptions& options) {
  dataset.attributes["points"] = options.points;
  const bool whole_head = model.spec().masked_language_model;
  dataset.attributes["final_norm"] =
      !options.norm ? "none: the raw residual is unembedded"
      : whole_head  ? "the model's own prediction head (dense layer, activation, norm), statistics "
                      "recomputed on each residual"
                    : "the model's own, statistics recomputed on each residual";
  if (model.spec().norm_placement == NormPlacement::after_add)
    dataset.attributes["stream"] =
        "resid_post is read behind the norm that ends each block (hook_normalized_resid_post)";
  dataset.attributes["target"] = to_string(options.target);
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  dataset.attributes["logits"] = "after bias, multiplier and softcap, as the model's";
}

}  // namespace lensbench::lens
