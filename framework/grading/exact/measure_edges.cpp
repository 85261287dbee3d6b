#include "grading/exact/measure_edges.hpp"

#include <ATen/ATen.h>

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
    writers_.push_back({"embed", task.corrupted.embedding - task.clean.embedding});
  }

  std::vector<EdgeEffect> run() {
    const std::int64_t n_layers = task_.model.spec.n_layers;
    for (std::int64_t layer = 0; layer < n_layers; ++layer) block(layer);
    read("logits", "in", {n_layers, -1, Slot::logits});
    return std::move(edges_);
  }

 private:
  void block(std::int64_t layer) {
    const std::int64_t n_heads = task_.model.spec.attention.n_heads;
    for (std::int64_t head = 0; head < n_heads; ++head) {
      const std::string name = component_name({ComponentPlace::Kind::head, layer, head});
      read(name, "q", {layer, head, Slot::q});
      read(name, "k", {layer, head, Slot::k});
      read(name, "v", {layer, head, Slot::v});
    }
    for (std::int64_t head = 0; head < n_heads; ++head)
      write({ComponentPlace::Kind::head, layer, head});
    const ComponentPlace mlp{ComponentPlace::Kind::mlp, layer, 0};
    read(component_name(mlp), "in", {layer, -1, Slot::in});
    write(mlp);
  }

  void write(const ComponentPlace& place) {
    writers_.push_back({component_name(place),
                        output_of(task_.corrupted, place) - output_of(task_.clean, place)});
  }

  void read(const std::string& target, const char* slot, const Reader& reader) {
    for (const Writer& writer : writers_) {
      Changes changes;
      changes.reader = reader;
      changes.difference = writer.difference;
      const at::Tensor changed =
          metric_of(task_, exact_logits(task_.model, task_.ids, task_.positions, changes));
      edges_.push_back(
          {{writer.name, target, slot}, (task_.clean_metric - changed).mean().item<double>()});
    }
  }

  const ExactTask& task_;
  std::vector<Writer> writers_;
  std::vector<EdgeEffect> edges_;
};

}  // namespace

std::vector<EdgeEffect> measure_edges(const ExactTask& task) { return EdgeWalk(task).run(); }

}  // namespace lensbench::grading
