#include "grading/exact/measure.hpp"

#include <ATen/ATen.h>

#include <lensbench/error.hpp>

namespace lensbench::grading {
namespace {

/// m(clean) - m(clean run with changes) [prompt].
at::Tensor lost(const ExactTask& task, const Changes& changes) {
  return task.clean_metric -
         metric_of(task, exact_logits(task.model, task.ids, task.positions, changes));
}

/// m(corrupted run with changes) - m(corrupted) [prompt].
at::Tensor gained(const ExactTask& task, const Changes& changes) {
  return metric_of(task, exact_logits(task.model, task.corrupted_ids, task.positions, changes)) -
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
    throw InputError("component '" + name + "': expected a name such as L0H1, 0_mlp_out, 0_attn_out");
  return *place;
}

void exchange_neuron(at::Tensor& neurons, const at::Tensor& other, std::int64_t neuron) {
  neurons = neurons.clone();
  neurons.select(2, neuron).copy_(other.select(2, neuron));
}

/// Rank of the answer, 1 for the largest logit [prompt].
at::Tensor rank_of(const ExactTask& task, const at::Tensor& logits) {
  const at::Tensor own = rows_at(logits, task.answers).unsqueeze(1);
  return (logits > own).sum(1) + 1;
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
    add("total", lost(task, with_output(place, corrupted)));
    add("restore", gained(task, with_output(place, clean)));
    add("direct", direct(task, clean, corrupted));
    add("dla", attribution(task, clean));
    add("zero", lost(task, with_output(place, at::zeros_like(clean))));
    add("mean", lost(task, with_output(place, clean.mean(at::IntArrayRef{0, 1}, true))));
    add("mean_of_prompt", lost(task, with_output(place, clean.mean(at::IntArrayRef{1}, true))));
  }
  return effects;
}

NeuronEffects measure_neurons(const ExactTask& task, std::int64_t layer) {
  NeuronEffects effects;
  effects.layer = layer;
  const auto index = static_cast<std::size_t>(layer);
  const auto exchange = [&](const ExactRun& source, std::int64_t neuron) {
    Changes changes;
    changes.neurons = [&source, index, neuron](std::int64_t at, at::Tensor& neurons) {
      if (static_cast<std::size_t>(at) == index)
        exchange_neuron(neurons, source.neurons[index], neuron);
    };
    return changes;
  };
  for (std::int64_t neuron = 0; neuron < task.clean.neurons[index].size(2); ++neuron) {
    effects.total.push_back(to_numbers(lost(task, exchange(task.corrupted, neuron))));
    effects.restore.push_back(to_numbers(gained(task, exchange(task.clean, neuron))));
  }
  return effects;
}

ReadoutTruth measure_readout(const ExactTask& task) {
  ReadoutTruth readout;
  for (const at::Tensor& stream : task.clean.streams) {
    const at::Tensor logits = read_out(task.model, rows_at(stream, task.positions));
    readout.probability.push_back(to_numbers(rows_at(logits.softmax(-1), task.answers)));
    const at::Tensor rank = rank_of(task, logits).contiguous();
    const auto* data = rank.data_ptr<std::int64_t>();
    readout.rank.emplace_back(data, data + rank.numel());
  }
  for (std::size_t prompt = 0; prompt < readout.rank[0].size(); ++prompt)
    readout.first_correct_layer.push_back(settled(readout.rank, prompt));
  return readout;
}

Table measure_restore_grid(const ExactTask& task) {
  Table grid;
  for (std::size_t layer = 0; layer < task.clean.streams.size(); ++layer) {
    std::vector<double>& row = grid.emplace_back();
    for (std::int64_t position = 0; position < task.ids.size(1); ++position) {
      Changes changes;
      changes.stream = [&](std::int64_t at, at::Tensor& stream) {
        if (static_cast<std::size_t>(at) != layer) return;
        stream = stream.clone();
        stream.select(1, position).copy_(task.clean.streams[layer].select(1, position));
      };
      row.push_back((gained(task, changes) / (task.clean_metric - task.corrupted_metric))
                        .mean()
                        .item<double>());
    }
  }
  return grid;
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
