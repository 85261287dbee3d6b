#include "reading.hpp"

#include <ATen/ATen.h>

#include <lensbench/error.hpp>
#include <lensbench/readout.hpp>
#include <string>
#include <utility>
#include <vector>

#include "logit_lens/decode.hpp"
#include "logit_lens/receipt.hpp"
#include "logit_lens/result.hpp"

// A reading is that of the logit lens, of carried streams.

namespace lensbench::jacobian {
namespace {

void check_reading(const Model& model, const Tokens& tokens, const JacobianLensOptions& options) {
  if (tokens.ids.empty())
    throw UsageError("jacobian_lens: the prompt is empty; give at least one token");
  if (options.top_k < 1 || options.top_k > model.spec().vocab_size)
    throw UsageError("jacobian_lens: top_k is " + std::to_string(options.top_k) + "; give 1 to " +
                     std::to_string(model.spec().vocab_size) + ", the size of the vocabulary");
}

/// Layer l is the output of block l - 1; layer 0 and those without a matrix stay as they are.
std::vector<at::Tensor> carried(const std::vector<at::Tensor>& streams,
                                const Jacobians& jacobians) {
  std::vector<at::Tensor> all = streams;
  for (std::size_t layer = 1; layer + 1 < streams.size(); ++layer)
    all[layer] = jacobians.apply(static_cast<std::int64_t>(layer) - 1, streams[layer]);
  return all;
}

/// KL(this lens || logit lens), [layer, pos].
at::Tensor shift_of(const Model& model, const std::vector<at::Tensor>& carried_streams,
                    const std::vector<at::Tensor>& streams) {
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = false;
  const auto rows = [&](const at::Tensor& stream) {
    return model.final_norm(stream).to(at::Device(at::kCPU), at::kFloat);
  };
  std::vector<at::Tensor> shifts;
  shifts.reserve(streams.size());
  for (std::size_t layer = 0; layer < streams.size(); ++layer)
    shifts.push_back(read_out(model.unembedding(),
                              at::stack({rows(streams[layer]), rows(carried_streams[layer])}),
                              options)
                         .kl_to_last[0]);
  return at::stack(shifts);
}

std::vector<std::string> without_jacobian(const Jacobians& jacobians) {
  std::vector<std::string> layers = {"0"};
  for (std::int64_t block = 0; block < jacobians.fitted.size(0); ++block)
    if (jacobians.fitted[block].item<int>() == 0) layers.push_back(std::to_string(block + 1));
  return layers;
}

}  // namespace

Dataset read_prompt(Context& context, const Tokens& tokens, const Jacobians& jacobians,
                    const JacobianLensOptions& options) {
  const Model& model = context.model();
  check_reading(model, tokens, options);
  const std::vector<at::Tensor> streams =
      lens::read_residuals(context, tokens, {"resid_post"}).front().layers;
  const std::vector<at::Tensor> read = carried(streams, jacobians);
  lens::Question question;
  question.model = &model;
  question.layers = read;
  question.final_residual = streams.back();
  question.top_k = options.top_k;
  question.next_ids = lens::next_ids(tokens);
  question.target_ids = lens::asked_ids(options.target, question.next_ids);
  const lens::Answer answer = lens::decode(question);

  Dataset dataset;
  add_token_axis(dataset, tokens.ids, tokens.texts);
  add_layer_axis(dataset, model.spec().n_layers);
  dataset.add_coordinate("rank", at::arange(1, options.top_k + 1, at::kInt),
                         "1 is the most probable");
  dataset.add("target_id", {"token"}, answer.readout.target_ids.to(at::kInt), "1",
              "token that the target columns score", Holds::token_ids);
  lens::add_point(dataset, "resid_post", "layer", answer);
  lens::add_settling(dataset, answer);
  dataset.add("shift", {"layer", "token"}, shift_of(model, read, streams), "nats",
              "KL divergence of the distribution of this lens from that of the logit lens");
  at::Tensor before_last;
  // A forward of a single block is a whole one.
  if (model.spec().n_layers > 1) before_last = streams[streams.size() - 2];
  dataset.receipts = lens::last_layer_receipts(model, {{tokens, before_last, answer.readout}});
  dataset.attributes["top_k"] = options.top_k;
  dataset.attributes["target"] = to_string(options.target);
  dataset.attributes["layers_without_jacobian"] = without_jacobian(jacobians);
  dataset.attributes["final_norm"] = "the model's own, statistics recomputed on each row";
  dataset.attributes["bos_added"] = static_cast<std::int64_t>(tokens.bos_added);
  dataset.attributes["logits"] = "after bias, multiplier and softcap, like those of the model";
  return dataset;
}

}  // namespace lensbench::jacobian
