#include "grading/exact/measure_edges.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>

#include <lensbench/error.hpp>

namespace lensbench::grading {
namespace {

/// Component that writes into the stream: how its output differs between the two runs.
struct Writer {
  std::string name;
  at::Tensor difference;  ///< [prompt, pos, d_model] corrupted minus clean
};

/// Goes through the model in the order of its sublayers: what has written so far is a source.
class EdgeWalk {
 public:
  explicit EdgeWalk(const ExactTask& task) : task_(task) {
    writers_.push_back({"embed", task.corrupted.streams[0] - task.clean.streams[0]});
  }

  std::vector<EdgeEffect> run() {
    const std::int64_t n_layers = task_.model.spec.n_layers;
    for (std::int64_t layer = 0; layer < n_layers; ++layer) block(layer);
    read("logits", "in", {Slot::logits, n_layers, -1});
    return std::move(edges_);
  }

 private:
  void block(std::int64_t layer) {
    const std::int64_t n_heads = task_.model.spec.attention.n_heads;
    for (std::int64_t head = 0; head < n_heads; ++head) {
      const std::string name = component_name({ComponentPlace::Kind::head, layer, head});
      read(name, "q", {Slot::q, layer, head});
      read(name, "k", {Slot::k, layer, head});
      read(name, "v", {Slot::v, layer, head});
    }
    for (std::int64_t head = 0; head < n_heads; ++head)
      write({ComponentPlace::Kind::head, layer, head});
    const ComponentPlace mlp{ComponentPlace::Kind::mlp, layer, 0};
    read(component_name(mlp), "in", {Slot::in, layer, -1});
    write(mlp);
  }

  void write(const ComponentPlace& place) {
    writers_.push_back(
        {component_name(place), output_of(task_.corrupted, place) - output_of(task_.clean, place)});
  }

  void read(const std::string& target, const char* slot, const Reader& reader) {
    std::vector<at::Tensor> differences;
    differences.reserve(writers_.size());
    for (const Writer& writer : writers_) differences.push_back(writer.difference);
    const at::Tensor difference = at::stack(differences);
    const Start start{reader.layer, reader.slot == Slot::in};
    const at::Tensor changed =
        metric_from(task_, start, stream_at(task_.clean, start).unsqueeze(0).expand_as(difference),
                    reader, difference);
    const std::vector<double> lost = to_numbers((task_.clean_metric - changed).mean(1));
    for (std::size_t i = 0; i < writers_.size(); ++i)
      edges_.push_back({{writers_[i].name, target, slot}, lost[i]});
  }

  const ExactTask& task_;
  std::vector<Writer> writers_;
  std::vector<EdgeEffect> edges_;
};

}  // namespace

std::vector<EdgeEffect> measure_edges(const ExactTask& task) {
  if (task.model.adds_to_norm())
    throw InputError("the field edges is not defined for " + task.model.spec.family +
                     ", which normalises sums; leave it out");
  return EdgeWalk(task).run();
}

}  // namespace lensbench::grading
