#include "circuit_run.hpp"

#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <vector>

namespace lensbench::edges {
namespace {

/// Bound of what the nodes of the circuits of one forward write, bytes.
constexpr double kWrittenBytes = 512e6;

/// One forward of several circuits.
class CircuitForward {
 public:
  /// \param kept  [circuit, reader, sender] float32, 1: the edge is part of the circuit
  CircuitForward(const Model& model, const CircuitInputs& inputs, at::Tensor kept)
      : model_(model),
        inputs_(inputs),
        graph_(inputs.graph),
        kept_(std::move(kept)),
        count_(kept_.size(0)),
        length_(inputs.clean.size()),
        width_(model.spec().d_model),
        written_(at::zeros({count_, graph_.n_senders(), length_ * width_}, at::kFloat)) {}

  /// \return [circuit] float64
  at::Tensor metrics() {
    const at::Tensor embedded = difference(inputs_.run.resid[0], inputs_.ablated.resid[0]);
    written_.select(1, 0).copy_(embedded.flatten().expand({count_, -1}));
    Hooks hooks;
    add_readers(hooks);
    add_writers(hooks);
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::none;
    TokenBatch batch = make_batch(inputs_.clean);
    batch.ids = batch.ids.expand({count_, -1});
    model_.forward(batch, options, hooks);
    const at::Tensor last =
        input(inputs_.ablated.last, graph_.n_readers() - 1, 1, graph_.n_senders());
    return inputs_.reader(
        last.select(1, 0).select(1, inputs_.reader.position()).to(inputs_.run.last.scalar_type()));
  }

  /// [circuit, sender, position * d_model] float32, what nodes wrote less their ablated values.
  const at::Tensor& written() const { return written_; }

 private:
  static at::Tensor difference(const at::Tensor& a, const at::Tensor& b) {
    return a.to(at::kFloat).sub(b.to(at::kFloat));
  }

  /// Streams of readers, [circuit, reader, position, d_model].
  /// \param ablated  the stream without an edge, [position, d_model]
  /// \param senders  number of nodes that have written
  at::Tensor input(const at::Tensor& ablated, std::int64_t first, std::int64_t readers,
                   std::int64_t senders) const {
    return at::bmm(kept_.narrow(1, first, readers).narrow(2, 0, senders),
                   written_.narrow(1, 0, senders))
        .view({count_, readers, length_, width_})
        .add_(ablated.to(at::kFloat));
  }

  void add_readers(Hooks& hooks) {
    const std::int64_t queries = graph_.queries, keys = graph_.keys;
    const auto heads = [this, &hooks](const char* hook, std::int64_t offset, std::int64_t readers) {
      hooks.replace(hook, [this, offset, readers](const at::Tensor& x, const HookPoint& point) {
        const at::Tensor streams =
            input(inputs_.ablated.resid[static_cast<std::size_t>(point.layer)],
                  graph_.readers_before(point.layer) + offset, readers,
                  graph_.senders_before(point.layer));
        return streams.transpose(1, 2).to(x.scalar_type()).contiguous();
      });
    };
    heads("blocks.*.hook_q_input", 0, queries);
    heads("blocks.*.hook_k_input", queries, keys);
    heads("blocks.*.hook_v_input", queries + keys, keys);
    hooks.replace("blocks.*.hook_mlp_in", [this](const at::Tensor& x, const HookPoint& point) {
      const std::int64_t reader =
          graph_.readers_before(point.layer) + graph_.queries + 2 * graph_.keys;
      const std::int64_t senders = graph_.senders_before(point.layer) +
                                   (model_.spec().parallel_blocks ? 0 : graph_.attention_senders);
      return input(inputs_.ablated.mlp_in[static_cast<std::size_t>(point.layer)], reader, 1,
                   senders)
          .select(1, 0)
          .to(x.scalar_type())
          .contiguous();
    });
  }

  void add_writers(Hooks& hooks) {
    if (graph_.senders.at(1).kind == Sender::Kind::head)
      hooks.read("blocks.*.attn.hook_z", [this](const at::Tensor& z, const HookPoint& point) {
        const at::Tensor changed =
            difference(z, inputs_.ablated.z[static_cast<std::size_t>(point.layer)]);
        set(graph_.senders_before(point.layer), graph_.attention_senders,
            written_by_heads(model_, point.layer, changed));
      });
    else
      hooks.read("blocks.*.hook_attn_out", [this](const at::Tensor& x, const HookPoint& point) {
        set(graph_.senders_before(point.layer), 1,
            difference(x, inputs_.ablated.attn_out[static_cast<std::size_t>(point.layer)]));
      });
    hooks.read("blocks.*.hook_mlp_out", [this](const at::Tensor& x, const HookPoint& point) {
      set(graph_.senders_before(point.layer) + graph_.attention_senders, 1,
          difference(x, inputs_.ablated.mlp_out[static_cast<std::size_t>(point.layer)]));
    });
  }

  void set(std::int64_t first, std::int64_t senders, const at::Tensor& values) {
    written_.narrow(1, first, senders).copy_(values.reshape({count_, senders, length_ * width_}));
  }

  const Model& model_;
  const CircuitInputs& inputs_;
  const Graph& graph_;
  at::Tensor kept_;
  std::int64_t count_, length_, width_;
  at::Tensor written_;  ///< [circuit, sender, position * d_model], less the ablated values
};

/// Circuits as matrices, [circuit, reader, sender] float32.
at::Tensor matrices_of(const Graph& graph, const at::Tensor& circuits) {
  std::vector<std::int64_t> places;
  places.reserve(graph.edges.size());
  for (const Graph::Edge& edge : graph.edges)
    places.push_back(edge.reader * graph.n_senders() + edge.sender);
  at::Tensor matrices =
      at::zeros({circuits.size(0), graph.n_readers() * graph.n_senders()}, at::kFloat);
  matrices.index_copy_(1, at::tensor(places, at::kLong), circuits.to(at::kFloat));
  return matrices.view({circuits.size(0), graph.n_readers(), graph.n_senders()});
}

/// Circuits whose nodes together write at most the bound.
std::int64_t circuits_in_forward(const CircuitInputs& inputs, std::int64_t width,
                                 std::int64_t most) {
  const double bytes = 4.0 * static_cast<double>(inputs.clean.size()) * static_cast<double>(width) *
                       static_cast<double>(inputs.graph.n_senders() + 3 * inputs.graph.queries);
  return std::clamp<std::int64_t>(static_cast<std::int64_t>(kWrittenBytes / bytes), 1, most);
}

}  // namespace

at::Tensor run_circuits(Context& context, const CircuitInputs& inputs, const at::Tensor& circuits,
                        std::int64_t most) {
  const Model& model = context.model();
  const std::int64_t count = circuits.size(0);
  const std::int64_t together = circuits_in_forward(inputs, model.spec().d_model, most);
  std::vector<at::Tensor> metrics;
  for (std::int64_t at = 0; at < count; at += together) {
    const at::Tensor some = circuits.narrow(0, at, std::min(together, count - at));
    metrics.push_back(CircuitForward(model, inputs, matrices_of(inputs.graph, some)).metrics());
    context.progress(std::min(at + together, count), count);
    if (context.cancelled()) throw RunError("edge_attribution: the run was interrupted");
  }
  return at::cat(metrics);
}

double difference_without_edges(const Model& model, const CircuitInputs& inputs) {
  const Graph& graph = inputs.graph;
  CircuitForward forward(model, inputs,
                         at::zeros({1, graph.n_readers(), graph.n_senders()}, at::kFloat));
  forward.metrics();
  const double found =
      forward.written().narrow(1, 1, graph.n_senders() - 1).abs().max().item<double>();
  const double most = output_differences(model, graph, inputs.run, inputs.ablated)
                          .narrow(0, 1, graph.n_senders() - 1)
                          .abs()
                          .max()
                          .item<double>();
  return found == 0 ? 0 : found / most;
}

}  // namespace lensbench::edges
