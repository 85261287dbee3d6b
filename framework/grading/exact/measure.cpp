#include "grading/exact/measure.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <lensbench/error.hpp>

namespace lensbench::grading {
namespace {

/// m(clean) - m(clean run whose stream at a start has `changes` [variant, prompt, pos,
/// d_model] added).
at::Tensor lost(const ExactTask& task, const Start& start, const at::Tensor& changes) {
  return task.clean_metric - metric_from(task, start, stream_at(task.clean, start) + changes);
}

/// m(corrupted run whose stream at a start has `changes` added) - m(corrupted).
at::Tensor gained(const ExactTask& task, const Start& start, const at::Tensor& changes) {
  return metric_from(task, start, stream_at(task.corrupted, start) + changes) -
         task.corrupted_metric;
}

at::Tensor direct(const ExactTask& task, const at::Tensor& clean, const at::Tensor& corrupted) {
  const at::Tensor stream = rows_at(task.clean.streams.back() - clean + corrupted, task.positions);
  return task.clean_metric - metric_of(task, read_out(task.model, stream));
}

at::Tensor attribution(const ExactTask& task, const at::Tensor& output) {
  const at::Tensor normal =
      frozen_norm(task.model, rows_at(task.clean.streams.back(), task.positions),
                  rows_at(output, task.positions));
  return metric_of(task, at::matmul(normal, task.model.unembedding));
}

ComponentPlace place_of(const std::string& name) {
  const auto place = parse_component(name);
  if (!place || place->kind == ComponentPlace::Kind::neuron)
    throw InputError("component '" + name +
                     "': expected a name such as L0H1, 0_mlp_out, 0_attn_out");
  return *place;
}

/// Rank of the answer, 1 for the largest logit [prompt].
at::Tensor rank_of(const ExactTask& task, const at::Tensor& logits) {
  const at::Tensor own = rows_at(logits, task.answers).unsqueeze(1);
  return (logits > own).sum(1) + 1;
}

/// Logits that differ by less than this share of the largest one may change places in float32,
/// which keeps 6e-8 of each term of a sum.
constexpr double kSameLogit = 1e-5;

/// Number of other tokens whose logit may be above or below the answer's in float32 [prompt].
at::Tensor ties_of(const ExactTask& task, const at::Tensor& logits) {
  const at::Tensor own = rows_at(logits, task.answers).unsqueeze(1);
  const at::Tensor largest = logits.abs().amax(1, true);
  return ((logits - own).abs() <= kSameLogit * largest).sum(1) - 1;
}

std::vector<std::int64_t> to_integers(const at::Tensor& values) {
  const at::Tensor contiguous = values.contiguous();
  const auto* data = contiguous.data_ptr<std::int64_t>();
  return {data, data + contiguous.numel()};
}

/// First layer from which the answer stays first; empty if it is not first at the end.
std::optional<std::int64_t> settled(const std::vector<std::vector<std::int64_t>>& rank,
                                    std::size_t prompt) {
  std::size_t layer = rank.size();
  while (layer > 0 && rank[layer - 1][prompt] == 1) --layer;
  if (layer == rank.size()) return std::nullopt;
  return static_cast<std::int64_t>(layer);
}

}  // namespace

EffectTruth measure_effects(const ExactTask& task, const std::vector<std::string>& components) {
  EffectTruth effects;
  effects.components = components;
  const auto add = [&](const char* kind, const at::Tensor& values) {
    effects.values[kind].push_back(to_numbers(values));
  };
  for (const std::string& name : components) {
    const ComponentPlace place = place_of(name);
    const at::Tensor clean = output_of(task.clean, place);
    const at::Tensor corrupted = output_of(task.corrupted, place);
    // Norms after the additions lie between an output and the last stream.
    if (!task.model.adds_to_norm()) {
      add("direct", direct(task, clean, corrupted));
      add("dla", attribution(task, clean));
    }
    const Start start = start_after(place);
    const at::Tensor mean = clean.mean(at::IntArrayRef{0, 1}, true).expand_as(clean);
    const at::Tensor of_prompt = clean.mean(at::IntArrayRef{1}, true).expand_as(clean);
    const at::Tensor losses =
        lost(task, start, at::stack({corrupted, at::zeros_like(clean), mean, of_prompt}) - clean);
    add("total", losses[0]);
    add("zero", losses[1]);
    add("mean", losses[2]);
    add("mean_of_prompt", losses[3]);
    add("restore", gained(task, start, (clean - corrupted).unsqueeze(0))[0]);
  }
  return effects;
}

NeuronEffects measure_neurons(const ExactTask& task, std::int64_t layer) {
  NeuronEffects effects;
  effects.layer = layer;
  const auto index = static_cast<std::size_t>(layer);
  const Start start = start_after({ComponentPlace::Kind::neuron, layer, 0});
  const at::Tensor& weights = task.model.blocks[index].out;  // [neuron, d_model]
  const at::Tensor change = task.corrupted.neurons[index] - task.clean.neurons[index];
  for (std::int64_t neuron = 0; neuron < weights.size(0); ++neuron) {
    const at::Tensor written =
        (change.select(2, neuron).unsqueeze(-1) * weights[neuron]).unsqueeze(0);
    effects.total.push_back(to_numbers(lost(task, start, written)[0]));
    effects.restore.push_back(to_numbers(gained(task, start, -written)[0]));
  }
  return effects;
}

ReadoutTruth measure_readout(const ExactTask& task) {
  ReadoutTruth readout;
  std::int64_t layer = 0;
  for (const at::Tensor& stream : task.clean.streams) {
    const at::Tensor logits = read_out_at(task.model, layer++, rows_at(stream, task.positions));
    readout.probability.push_back(to_numbers(rows_at(logits.softmax(-1), task.answers)));
    readout.rank.push_back(to_integers(rank_of(task, logits)));
    readout.rank_ties.push_back(to_integers(ties_of(task, logits)));
  }
  for (std::size_t prompt = 0; prompt < readout.rank[0].size(); ++prompt)
    readout.first_correct_layer.push_back(settled(readout.rank, prompt));
  return readout;
}

Table measure_restore_grid(const ExactTask& task) {
  Table grid;
  const at::Tensor gap = task.clean_metric - task.corrupted_metric;
  const std::int64_t positions = task.ids.size(1);
  // [variant, 1, pos, 1]: variant i restores position i.
  const at::Tensor one = at::eye(positions, at::kDouble).view({positions, 1, positions, 1});
  for (std::int64_t layer = 0; layer <= task.model.spec.n_layers; ++layer) {
    const Start start{layer, false};
    const at::Tensor change = stream_at(task.clean, start) - stream_at(task.corrupted, start);
    grid.push_back(to_numbers((gained(task, start, one * change) / gap).mean(1)));
  }
  return grid;
}

DistributionTruth measure_distribution(const ExactTask& task) {
  const std::int64_t later = task.ids.size(1) - 1;
  // [prompt, pos, vocab] of the tokens that follow
  const at::Tensor logs =
      read_out(task.model, task.clean.streams.back()).narrow(1, 0, later).log_softmax(-1);
  const at::Tensor own = logs.gather(2, task.ids.narrow(1, 1, later).unsqueeze(2)).squeeze(2).t();
  return {to_table(-(logs.exp() * logs).sum(-1).t()), to_table(own.exp()), to_table(-own)};
}

std::vector<double> measure_attention(const ExactTask& task, const AttendedKey& key,
                                      const std::vector<PromptPair>& prompts) {
  const ComponentPlace place = place_of(key.head);
  const at::Tensor pattern =
      task.clean.patterns[static_cast<std::size_t>(place.layer)].select(1, place.index);
  std::vector<double> mass;
  mass.reserve(prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::int64_t query =
        key.query == "position" ? prompts[i].position : prompts[i].sources.at(key.query);
    mass.push_back(pattern[static_cast<std::int64_t>(i)][query][key.keys[i]].item<double>());
  }
  return mass;
}

}  // namespace lensbench::grading
