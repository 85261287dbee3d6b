#include "readings.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <lensbench/plugin.hpp>
#include <string>

namespace training_dynamics {
namespace {

using namespace lensbench;

using Dims = std::vector<std::string>;

/// First checkpoint from which on the target has rank 1 at all later ones; -1: none.
/// \param rank  [checkpoint, layer, token] \return [layer, token] int32
at::Tensor emergence(const at::Tensor& rank) {
  at::Tensor first = at::full({rank.size(1), rank.size(2)}, -1, at::kInt);
  at::Tensor stays = at::full(first.sizes(), true, at::kBool);
  for (std::int64_t checkpoint = rank.size(0) - 1; checkpoint >= 0; --checkpoint) {
    stays = stays.logical_and(rank[checkpoint].eq(1));
    first = first.masked_fill(stays, checkpoint);
  }
  return first;
}

void add_checkpoint_axis(Dataset& dataset, const std::vector<Checkpoint>& all) {
  std::vector<std::string> names;
  std::vector<std::int64_t> steps;
  names.reserve(all.size());
  steps.reserve(all.size());
  for (const Checkpoint& one : all) {
    names.push_back(one.name);
    steps.push_back(one.step);
  }
  dataset.add_coordinate("checkpoint", names, "moment of training, in order");
  dataset.add({.name = "step",
               .dims = {"checkpoint"},
               .tensor = at::tensor(steps, at::kLong),
               .long_name = "step of training (-1: not known)",
               .coordinate = true});
}

/// One number of every reading, stacked over checkpoints.
at::Tensor stacked(const std::vector<Reading>& readings, at::Tensor Reading::*number) {
  std::vector<at::Tensor> all;
  all.reserve(readings.size());
  for (const Reading& one : readings) all.push_back(one.*number);
  return at::stack(all);
}

/// Adds a number of every reading.
class AddNumber {
 public:
  AddNumber(Dataset& result, const std::vector<Reading>& readings)
      : result_(result), readings_(readings) {}
  void operator()(const char* name, const Dims& dims, at::Tensor Reading::*number,
                  const char* units, const char* long_name) const {
    result_.add(name, dims, stacked(readings_, number), units, long_name);
  }

 private:
  Dataset& result_;
  const std::vector<Reading>& readings_;
};

/// Numbers of each layer.
void add_of_layers(Dataset& result, const AddNumber& add) {
  const Dims by_layer = {"checkpoint", "layer", "token"};
  add("target_rank", by_layer, &Reading::target_rank, "1",
      "1 + number of tokens with a larger logit than the token that follows");
  result.add("emergence_checkpoint", {"layer", "token"}, emergence(result["target_rank"].tensor),
             "1", "index of the first checkpoint from which on the rank stays 1; -1: never");
  result.set_attribute("emergence_checkpoint", "view", std::string("heatmap"));
  add("target_log_probability", by_layer, &Reading::target_log_probability, "nats",
      "ln probability of the token that follows");
  add("kl_final_to_layer", by_layer, &Reading::kl, "nats",
      "KL divergence of the checkpoint's own distribution from that at this layer");
  add("settled_layer", {"checkpoint", "token"}, &Reading::settled_layer, "1",
      "first layer from which the checkpoint's own prediction stays first; -1: never");
}

/// Numbers of heads and blocks.
void add_of_blocks(const AddNumber& add) {
  const Dims by_head = {"checkpoint", "block", "head"};
  add("induction_score", by_head, &Reading::induction, "1",
      "mean weight on the token after the earlier copy of the query, on repeated random tokens");
  add("previous_token_score", by_head, &Reading::previous, "1",
      "mean weight on the token before the query, on repeated random tokens");
  add("loss", {"checkpoint"}, &Reading::loss, "nats",
      "mean -ln probability of the tokens that follow");
  add("loss_increase", {"checkpoint", "block"}, &Reading::loss_increase, "nats",
      "loss without the block minus loss");
}

}  // namespace

void add_axes(Dataset& dataset, const std::vector<Checkpoint>& checkpoints,
              const TransformerSpec& spec) {
  add_checkpoint_axis(dataset, checkpoints);
  add_layer_axis(dataset, spec.n_layers);
  dataset.add_coordinate("block", at::arange(spec.n_layers, at::kInt), "block, from 0");
  dataset.add_coordinate("head", at::arange(spec.attention.n_heads, at::kInt), "head, from 0");
}

void add_readings(Dataset& result, const std::vector<Reading>& readings) {
  const AddNumber add(result, readings);
  add_of_layers(result, add);
  add_of_blocks(add);
}

}  // namespace training_dynamics
