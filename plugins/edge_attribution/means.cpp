#include "means.hpp"

#include <utility>

namespace lensbench::edges {
namespace {

/// Sums over positions in float64.
class PositionSums {
 public:
  explicit PositionSums(std::size_t blocks) : z_(blocks), attn_out_(blocks), mlp_out_(blocks) {}

  void add(const RunState& run) {
    positions_ += run.embed.size(0);
    add(embed_, run.embed);
    for (std::size_t b = 0; b < z_.size(); ++b) {
      add(z_[b], run.z[b]);
      add(attn_out_[b], run.attn_out[b]);
      add(mlp_out_[b], run.mlp_out[b]);
    }
  }

  NodeMeans means() const { return {mean(embed_), means(z_), means(attn_out_), means(mlp_out_)}; }

 private:
  static void add(at::Tensor& sum, const at::Tensor& values) {
    const at::Tensor all = values.to(at::kDouble).sum(0);
    sum = sum.defined() ? sum.add(all) : all;
  }
  at::Tensor mean(const at::Tensor& sum) const {
    return sum.div(static_cast<double>(positions_)).to(at::kFloat);
  }
  std::vector<at::Tensor> means(const std::vector<at::Tensor>& sums) const {
    std::vector<at::Tensor> all;
    all.reserve(sums.size());
    for (const at::Tensor& sum : sums) all.push_back(mean(sum));
    return all;
  }

  std::int64_t positions_ = 0;
  at::Tensor embed_;
  std::vector<at::Tensor> z_, attn_out_, mlp_out_;
};

/// The mean at each position of a run.
std::vector<at::Tensor> everywhere(const std::vector<at::Tensor>& means,
                                   const std::vector<at::Tensor>& like) {
  std::vector<at::Tensor> values;
  values.reserve(means.size());
  for (std::size_t b = 0; b < means.size(); ++b)
    values.push_back(means[b].unsqueeze(0).expand(like[b].sizes()));
  return values;
}

}  // namespace

NodeMeans mean_outputs(const Model& model, const ReferencePrompts& reference) {
  PositionSums sums(static_cast<std::size_t>(model.spec().n_layers));
  reference.for_each([&](const Tokens& prompt) { sums.add(paths::read_run(model, prompt)); });
  return sums.means();
}

RunState run_with_means(const Model& model, const Graph& graph, const RunState& clean,
                        const NodeMeans& means) {
  const RunState nothing = run_without_nodes(model, graph, clean);
  RunState run = nothing;
  run.z = everywhere(means.z, clean.z);
  run.attn_out = everywhere(means.attn_out, clean.attn_out);
  run.mlp_out = everywhere(means.mlp_out, clean.mlp_out);
  run.resid.front() = nothing.resid.front().add(means.embed);
  // Every stream gets what earlier nodes write to it.
  const at::Tensor written = output_differences(model, graph, run, nothing);
  const auto with = [&](const at::Tensor& stream, std::int64_t senders) {
    return stream.add(written.narrow(0, 0, senders).sum(0));
  };
  for (std::int64_t block = 0; block < model.spec().n_layers; ++block) {
    const auto b = static_cast<std::size_t>(block);
    const std::int64_t before = graph.senders_before(block);
    if (block > 0) run.resid[b] = with(nothing.resid[b], before);
    run.mlp_in[b] = with(nothing.mlp_in[b],
                         before + (model.spec().parallel_blocks ? 0 : graph.attention_senders));
  }
  run.last = with(nothing.last, graph.n_senders());
  return run;
}

}  // namespace lensbench::edges
