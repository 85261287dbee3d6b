#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>
#include <lensbench/model.hpp>
#include <lensbench/tools/neuron_explorer.hpp>
#include <string>
#include <vector>

#include "effects.hpp"
#include "examples.hpp"
#include "optimise.hpp"

namespace lensbench::neurons {

/// `2:17`
std::string text_of(const NeuronId& neuron);

/// Adds the axis `neuron`.
void add_neuron_axis(Dataset& dataset, const std::vector<NeuronId>& neurons);
/// Adds what a text shows of the neurons.
void add_text(Dataset& dataset, const TextExamples& text, const NeuronExplorerOptions& options);
/// Adds tokens that the neurons write and read, or an attribute with the reason why not.
void add_vocabulary(Dataset& dataset, const Model& model, const Tokens& prompt,
                    const std::vector<NeuronId>& neurons, std::int64_t top_k);
/// Adds what the neurons change in the prompt.
void add_effects(Dataset& dataset, const Effects& effects, const NeuronExplorerOptions& options);
/// Adds the inputs of large activation, one for each neuron.
void add_optimised(Dataset& dataset, const Model& model, const std::vector<OptimisedInput>& inputs,
                   const NeuronExplorerOptions& options);

}  // namespace lensbench::neurons
