#include "outputs.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros_like.h>

namespace lensbench::edges {
namespace {

/// Float32 is exact for activations of every type; differences are made there.
at::Tensor difference(const at::Tensor& a, const at::Tensor& b) {
  return a.to(at::kFloat).sub(b.to(at::kFloat));
}

}  // namespace

at::Tensor written_by_heads(const Model& model, std::int64_t block, const at::Tensor& z) {
  const at::Tensor w_o = model.weight("blocks." + std::to_string(block) + ".attn.W_O");
  return at::matmul(z.to(at::kFloat).transpose(-3, -2), w_o.to(at::kFloat))
      .mul(model.spec().residual_scale);
}

at::Tensor output_differences(const Model& model, const Graph& graph, const RunState& run,
                              const RunState& other) {
  const at::Tensor& embedded = run.resid.front();
  at::Tensor found = at::empty({graph.n_senders(), embedded.size(0), embedded.size(1)}, at::kFloat);
  found[0].copy_(difference(embedded, other.resid.front()));
  const bool by_head = graph.senders.at(1).kind == Sender::Kind::head;
  for (std::int64_t block = 0; block < model.spec().n_layers; ++block) {
    const auto b = static_cast<std::size_t>(block);
    const std::int64_t first = graph.senders_before(block);
    if (by_head)
      found.narrow(0, first, graph.attention_senders)
          .copy_(written_by_heads(model, block, difference(run.z[b], other.z[b])));
    else
      found[first].copy_(difference(run.attn_out[b], other.attn_out[b]));
    found[first + graph.attention_senders].copy_(difference(run.mlp_out[b], other.mlp_out[b]));
  }
  return found;
}

/// Every stream loses what earlier nodes wrote to it.
RunState run_without_nodes(const Model& model, const Graph& graph, const RunState& clean) {
  RunState nothing;
  const auto n = static_cast<std::size_t>(model.spec().n_layers);
  for (std::size_t b = 0; b < n; ++b) {
    nothing.z.push_back(at::zeros_like(clean.z[b]));
    nothing.attn_out.push_back(at::zeros_like(clean.attn_out[b]));
    nothing.mlp_out.push_back(at::zeros_like(clean.mlp_out[b]));
  }
  // Without a token, the first stream is what positions (and a norm of the embedding) leave.
  nothing.resid = {difference(clean.resid.front(), clean.embed)};
  const at::Tensor written = output_differences(model, graph, clean, nothing);
  const auto rest = [&](const at::Tensor& stream, std::int64_t senders) {
    return difference(stream, written.narrow(0, 0, senders).sum(0));
  };
  for (std::int64_t block = 0; block < model.spec().n_layers; ++block) {
    const auto b = static_cast<std::size_t>(block);
    const std::int64_t before = graph.senders_before(block);
    if (block > 0) nothing.resid.push_back(rest(clean.resid[b], before));
    nothing.mlp_in.push_back(rest(
        clean.mlp_in[b], before + (model.spec().parallel_blocks ? 0 : graph.attention_senders)));
  }
  nothing.last = rest(clean.last, graph.n_senders());
  return nothing;
}

}  // namespace lensbench::edges
