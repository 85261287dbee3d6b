#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <lensbench/metric.hpp>
#include <utility>

namespace lensbench::lens {

void add_point(Dataset& dataset, const std::string& point, const std::string& axis,
               const Answer& answer) {
  const std::string prefix = point == "resid_post" ? "" : point + "_";
  // Long names say which point was decoded unless it is the stream.
  const std::string of = prefix.empty() ? "" : " decoded from " + point;
  const std::vector<std::string> grid = {axis, "token"}, ranked = {axis, "token", "rank"};
  const Readout& r = answer.readout;
  dataset.add(prefix + "top_id", ranked, r.top_ids.to(at::kInt), "1",
              "tokens with the largest probability" + of, Holds::token_ids);
  dataset.add(prefix + "top_probability", ranked, r.top_probabilities, "1",
              "probability of each candidate");
  dataset.add(prefix + "top_logit", ranked, r.top_logits, "1", "logit of each candidate");
  dataset.add(prefix + "entropy", grid, r.entropy, "nats", "entropy of the distribution" + of);
  dataset.add(prefix + "kl_final_to_layer", grid, r.kl_to_last, "nats",
              "KL divergence of the model's own distribution from that" +
                  (of.empty() ? " at this layer" : of));
  if (answer.cross_entropy.defined())
    dataset.add(prefix + "cross_entropy", grid, answer.cross_entropy, "nats",
                "-ln probability of the token that follows; NaN at the last position");
  dataset.add(prefix + "target_probability", grid, r.target_log_probabilities.exp(), "1",
              "probability of the target (NaN: position not scored)");
  dataset.add(prefix + "target_log_probability", grid, r.target_log_probabilities, "nats",
              "ln probability of the target (NaN: position not scored)");
  dataset.add(prefix + "target_rank", grid, r.target_ranks, "1",
              "1 + number of tokens with a strictly larger logit than the target");
  dataset.add(prefix + "target_logit", grid, r.target_logits, "1",
              "logit of the target (NaN: position not scored)");
}

/// The result says in words which positions count, since -1 and NaN alone would be ambiguous.
void add_masked(Dataset& dataset, const at::Tensor& masked) {
  dataset.add("masked", {"token"}, masked.to(at::kChar), "1",
              "1 at mask tokens, the positions that a masked-language model predicts");
  dataset.attributes["scored_positions"] =
      masked.any().item<bool>()
          ? "the masked ones: elsewhere target_id and target_rank are -1, other target values NaN"
          : "all, since the prompt lacks a mask token: a masked-language model sees each token "
            "that "
            "it predicts there";
}

void add_settling(Dataset& dataset, const Answer& answer) {
  const at::Tensor top = answer.readout.top_ids.select(2, 0);
  const at::Tensor is_final = top.eq(answer.predicted_ids.unsqueeze(0));
  // Number of layers, from the last one down, that keep the final prediction without interruption.
  // The product over layers, from the last one down, is 1 as long as every layer agrees.
  const at::Tensor run = is_final.flip(0).to(at::kInt).cumprod(0).sum(0);
  const at::Tensor settled = top.size(0) - run;
  dataset.add("settled_layer", {"token"}, settled.masked_fill(run.eq(0), -1).to(at::kInt), "1",
              "first layer from which the model's own prediction stays rank 1; -1: never");
  at::Tensor leaves = at::zeros(top.sizes(), at::kChar);
  // A single layer has none before it.
  if (top.size(0) > 1)
    leaves.narrow(0, 1, top.size(0) - 1)
        .copy_(is_final.narrow(0, 0, top.size(0) - 1)
                   .logical_and(is_final.narrow(0, 1, top.size(0) - 1).logical_not()));
  dataset.add("leaves_top", {"layer", "token"}, leaves, "1",
              "1 where the model's own prediction has lost the rank 1 of the layer before");
}

void add_claims(Dataset& dataset) {
  dataset.set_attribute("target_probability", "claim", "readout.probability");
  dataset.set_attribute("target_rank", "claim", "readout.rank");
  dataset.set_attribute("settled_layer", "claim", "readout.layer");
}

void add_attributes(Dataset& dataset, const Model& model, const Tokens& tokens,
                    const LogitLensOptions& options) {
  Provenance{.definition = "logit_lens/1"}.describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["top_k"] = options.top_k;
  dataset.attributes["points"] = options.points;
  dataset.attributes["norm"] = static_cast<std::int64_t>(options.norm);
  dataset.attributes["mask"] = options.mask.empty() ? "none" : options.mask;
  const bool whole_head = model.spec().masked_language_model;
  dataset.attributes["final_norm"] =
      !options.norm ? "none: the raw residual is unembedded"
      : whole_head  ? "the model's own prediction head (dense layer, activation, norm), statistics "
                      "recomputed on each residual"
                    : "the model's own, statistics recomputed on each residual";
  // The name `resid_post` alone would suggest the sum before that norm.
  if (model.spec().norm_placement == NormPlacement::after_add)
    dataset.attributes["stream"] =
        "resid_post is read after the norm that ends each block (hook_normalized_resid_post)";
  dataset.attributes["target"] = to_string(options.target);
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  dataset.attributes["logits"] = "after bias, multiplier and softcap, like those of the model";
}

}  // namespace lensbench::lens
