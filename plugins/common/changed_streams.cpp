#include "common/changed_streams.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>

#include <lensbench/error.hpp>

#include "logit_lens/receipt.hpp"
#include "logit_lens/result.hpp"

namespace lensbench::lens {

Answer answer_of(const Model& model, const Tokens& tokens, const std::vector<at::Tensor>& layers,
                 const ChangedReading& reading) {
  Question question;
  question.model = &model;
  question.layers = layers;
  question.final_residual = layers.back();
  question.top_k = reading.top_k;
  question.next_ids = next_ids(tokens);
  question.target_ids = asked_ids(reading.target, question.next_ids);
  return decode(question);
}

Dataset read_changed_streams(const Model& model, const Tokens& tokens,
                             const std::vector<at::Tensor>& streams,
                             const std::vector<at::Tensor>& changed,
                             const ChangedReading& reading) {
  if (reading.top_k < 1 || reading.top_k > model.spec().vocab_size)
    throw UsageError(reading.tool + ": top_k is " + std::to_string(reading.top_k) + "; give 1 to " +
                     std::to_string(model.spec().vocab_size) + ", the size of the vocabulary");
  const Answer answer = answer_of(model, tokens, changed, reading);
  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  add_layer_axis(dataset, model.spec().n_layers);
  dataset.add_coordinate("rank", at::arange(1, reading.top_k + 1, at::kInt),
                         "1 is the most probable");
  dataset.add("target_id", {"token"}, answer.readout.target_ids.to(at::kInt), "1",
              "token that the target columns score", Holds::token_ids);
  add_point(dataset, "resid_post", "layer", answer);
  add_settling(dataset, answer);
  at::Tensor before_last;
  // A forward of a single block is a whole one.
  if (model.spec().n_layers > 1) before_last = streams[streams.size() - 2];
  dataset.receipts = last_layer_receipts(model, {{tokens, before_last, answer.readout}});
  dataset.attributes["top_k"] = reading.top_k;
  dataset.attributes["target"] = to_string(reading.target);
  dataset.attributes["final_norm"] = "the model's own, statistics recomputed on each residual";
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  dataset.attributes["logits"] = "after bias, multiplier and softcap, like those of the model";
  return dataset;
}

}  // namespace lensbench::lens
