#include "reading.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>

#include <lensbench/error.hpp>
#include <lensbench/readout.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/changed_streams.hpp"

// A reading is that of the logit lens, of carried streams.

namespace lensbench::jacobian {
namespace {

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
  if (tokens.ids.empty())
    throw UsageError("jacobian_lens: the prompt is empty; give at least one token");
  const std::vector<at::Tensor> streams =
      lens::read_residuals(context, tokens, {"resid_post"}).front().layers;
  const std::vector<at::Tensor> read = carried(streams, jacobians);
  Dataset dataset = lens::read_changed_streams(model, tokens, streams, read,
                                               {"jacobian_lens", options.top_k, options.target});
  dataset.add("shift", {"layer", "token"}, shift_of(model, read, streams), "nats",
              "KL divergence of the distribution of this lens from that of the logit lens");
  dataset.attributes["layers_without_jacobian"] = without_jacobian(jacobians);
  return dataset;
}

}  // namespace lensbench::jacobian
