#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/context.hpp>
#include <lensbench/dataset.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/tools/neuron_explorer.hpp>
#include <vector>

namespace lensbench::neurons {

/// What neurons change in a prompt.
struct Effects {
  at::Tensor activation;            ///< [neuron, token]
  at::Tensor scale_effect;          ///< [neuron, factor]
  at::Tensor mixes, interpolation;  ///< [mix]; undefined without a pair
  double base = 0;
  const char* units = "1";
  std::vector<Receipt> receipts;
};

/// Runs the prompt with changed activations of one neuron at a time, and describes the metric.
Effects effects_of(Context& context, const Tokens& prompt, const std::vector<NeuronId>& neurons,
                   const Target& target, const NeuronExplorerOptions& options, Dataset& dataset);

}  // namespace lensbench::neurons
